// SPDX-License-Identifier: Apache-2.0
// 2-D convolution, channels first (NCHW) float32, beside its two gradients.
#ifndef TFLM_TRAIN_KERNELS_CONV_H_
#define TFLM_TRAIN_KERNELS_CONV_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// Floats with which Conv2D has fewer multiplications to do; 0 if it never has.
// Its sums then differ in rounding.
int ConvWorkspace(const ConvGeometry& geometry);

void Conv2D(const ConvGeometry& geometry,
            const float* x,     // [B,Ci,H,W]
            const float* w,     // [Co,Ci,KH,KW]
            const float* bias,  // [Co] or nullptr
            Activation activation,
            float* y,                     // [B,Co,OH,OW]
            float* workspace = nullptr);  // [ConvWorkspace()] or nullptr

// As ConvWorkspace, of the gradient of the filter.
int ConvGradFilterWorkspace(const ConvGeometry& geometry);

void Conv2DGradFilter(const ConvGeometry& geometry,
                      const float* x,   // [B,Ci,H,W]
                      const float* dy,  // [B,Co,OH,OW]
                      float* dw,        // [Co,Ci,KH,KW]
                      float* workspace = nullptr);

void Conv2DGradInput(const ConvGeometry& geometry,
                     const float* w,   // [Co,Ci,KH,KW]
                     const float* dy,  // [B,Co,OH,OW]
                     float* dx);       // [B,Ci,H,W]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_CONV_H_
