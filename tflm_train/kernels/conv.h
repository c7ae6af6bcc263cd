// SPDX-License-Identifier: Apache-2.0
// 2-D convolution, NHWC float32, beside its two gradients.
//
// w_ohwi is [Co,KH,KW,Ci], the layout TFLite keeps filters of CONV_2D in;
// w_hwio is [KH,KW,Ci,Co], the layout of the trained Keras variable.
#ifndef TFLM_TRAIN_KERNELS_CONV_H_
#define TFLM_TRAIN_KERNELS_CONV_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

void Conv2D(const ConvGeometry& geometry,
            const float* x,       // [B,H,W,Ci]
            const float* w_ohwi,  // [Co,KH,KW,Ci]
            const float* bias,    // [Co] or nullptr
            Activation activation,
            float* y);  // [B,OH,OW,Co]

void Conv2DGradFilter(const ConvGeometry& geometry,
                      const float* x,   // [B,H,W,Ci]
                      const float* dy,  // [B,OH,OW,Co]
                      float* dw_hwio);  // [KH,KW,Ci,Co]

void Conv2DGradInput(const ConvGeometry& geometry,
                     const float* w_hwio,  // [KH,KW,Ci,Co]
                     const float* dy,      // [B,OH,OW,Co]
                     float* dx);           // [B,H,W,Ci]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_CONV_H_
