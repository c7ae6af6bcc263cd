// SPDX-License-Identifier: Apache-2.0
// Refuses NaN and infinity.
#ifndef TFLM_TRAIN_MICRO_FINITE_H_
#define TFLM_TRAIN_MICRO_FINITE_H_

#include <cstddef>

#include "tflm_train/micro/status.h"

namespace biotrain {

// Floats anywhere in memory, aligned or not; kInputNotFinite with the index of
// the first that is not finite.
Status CheckFinite(const void* values, size_t elements, const char* what);

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_FINITE_H_
