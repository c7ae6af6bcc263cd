// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Written by biotrain_tf.data.recipe:
// Recipe(subtract_first=True, notch_hz=50.0, notch_q=30.0, band_hz=(0.5, 45.0), order=4, moving_average=125, running_scale_s=2.0)
#ifndef BIOTRAIN_TEST_RECIPE_H_
#define BIOTRAIN_TEST_RECIPE_H_

#include "tflm_train/signal/chain.h"

inline constexpr biotrain::SosSection kTestRecipeSections[] = {
    {0x1.eb677p-1f, 0x1.8d8de2p+0f, 0x1.eb677p-1f, 0x1.8d8de2p+0f, 0x1.d6cee2p-1f},
    {0x1.2a59d8p-2f, 0x1.2a59d8p-1f, 0x1.2a59d8p-2f, 0x1.78ede4p-1f, 0x1.5413eap-3f},
    {0x1p+0f, 0x1p+1f, 0x1p+0f, 0x1.f852bcp-1f, 0x1.18721cp-1f},
    {0x1p+0f, -0x1p+1f, 0x1p+0f, -0x1.f42038p+0f, 0x1.e892fcp-1f},
    {0x1p+0f, -0x1p+1f, 0x1p+0f, -0x1.fb00c4p+0f, 0x1.f653dp-1f},
};
inline constexpr biotrain::ChainSettings kTestRecipe = {
    0x1.f4p+6f,  // Hz: 125
    3,  // channels
    true,  // minus the first sample
    kTestRecipeSections,
    5,
    125,  // samples of the moving average
    250,  // samples of the running statistics
    0x1.0c6f7ap-20f,
};

#endif  // BIOTRAIN_TEST_RECIPE_H_
