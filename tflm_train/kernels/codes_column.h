// SPDX-License-Identifier: Apache-2.0
// Filters over the rows of a picture of int16 codes, as the spatial filters
// over electrodes are: every output is a sum over one column. Codes become
// floats in registers.
#ifndef TFLM_TRAIN_KERNELS_CODES_COLUMN_H_
#define TFLM_TRAIN_KERNELS_CODES_COLUMN_H_

#include <cstdint>

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// Whether a convolution is that, and long enough.
bool IsColumnOfCodes(const ConvGeometry& geometry);

void ColumnOfCodes(const ConvGeometry& geometry,
                   const int16_t* codes,  // [H,W]
                   float scale,
                   const float* w,     // [Co,H]
                   const float* bias,  // [Co] or nullptr
                   Activation activation,
                   float* y);  // [Co,W]

void ColumnOfCodesGradFilter(const ConvGeometry& geometry,
                             const int16_t* codes,  // [H,W]
                             float scale,
                             const float* dy,  // [Co,W]
                             float* dw);       // [Co,H]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_CODES_COLUMN_H_
