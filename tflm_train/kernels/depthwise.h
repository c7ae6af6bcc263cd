// SPDX-License-Identifier: Apache-2.0
// Depthwise 2-D convolution, NHWC float32, beside its two gradients.
// geometry.out_c is C * M, where M outputs are made of every input channel.
#ifndef TFLM_TRAIN_KERNELS_DEPTHWISE_H_
#define TFLM_TRAIN_KERNELS_DEPTHWISE_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

void DepthwiseConv2D(const ConvGeometry& geometry,
                     const float* x,     // [B,H,W,C]
                     const float* w,     // [KH,KW,C*M]
                     const float* bias,  // [C*M] or nullptr
                     Activation activation,
                     float* y);  // [B,OH,OW,C*M]

void DepthwiseConv2DGradFilter(const ConvGeometry& geometry,
                               const float* x,   // [B,H,W,C]
                               const float* dy,  // [B,OH,OW,C*M]
                               float* dw);       // [KH,KW,C*M]

void DepthwiseConv2DGradInput(const ConvGeometry& geometry,
                              const float* w,   // [KH,KW,C*M]
                              const float* dy,  // [B,OH,OW,C*M]
                              float* dx);       // [B,H,W,C]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_DEPTHWISE_H_
