// SPDX-License-Identifier: Apache-2.0
// Convolutions of a sample that lies in memory as int16 codes of a converter,
// x = scale code. Some columns at a time become floats, for the kernels there
// are: the sample is nowhere as floats as a whole.
#ifndef TFLM_TRAIN_KERNELS_CONV_CODES_H_
#define TFLM_TRAIN_KERNELS_CONV_CODES_H_

#include <cstdint>

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// Floats that Conv2DOfCodes works in; it cannot do without.
int ConvOfCodesWorkspace(const ConvGeometry& geometry);

void Conv2DOfCodes(const ConvGeometry& geometry,
                   const int16_t* codes,  // [B,Ci,H,W]
                   float scale,
                   const float* w,     // [Co,Ci,KH,KW]
                   const float* bias,  // [Co] or nullptr
                   Activation activation,
                   float* y,           // [B,Co,OH,OW]
                   float* workspace);  // [ConvOfCodesWorkspace()]

int ConvOfCodesGradFilterWorkspace(const ConvGeometry& geometry);

void Conv2DOfCodesGradFilter(const ConvGeometry& geometry,
                             const int16_t* codes,  // [B,Ci,H,W]
                             float scale,
                             const float* dy,    // [B,Co,OH,OW]
                             float* dw,          // [Co,Ci,KH,KW]
                             float* workspace);  // as above

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_CONV_CODES_H_
