// SPDX-License-Identifier: Apache-2.0
// Depthwise 2-D convolution, channels first (NCHW) float32, beside its two
// gradients. geometry.out_c is C * M: output c * M + m is made of input c.
#ifndef TFLM_TRAIN_KERNELS_DEPTHWISE_H_
#define TFLM_TRAIN_KERNELS_DEPTHWISE_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// As ConvWorkspace in conv.h.
int DepthwiseWorkspace(const ConvGeometry& geometry);

void DepthwiseConv2D(const ConvGeometry& geometry,
                     const float* x,     // [B,C,H,W]
                     const float* w,     // [C*M,KH,KW]
                     const float* bias,  // [C*M] or nullptr
                     Activation activation,
                     float* y,                     // [B,C*M,OH,OW]
                     float* workspace = nullptr);  // [DepthwiseWorkspace()]

// As DepthwiseWorkspace, of the gradient of the filter.
int DepthwiseGradFilterWorkspace(const ConvGeometry& geometry);

void DepthwiseConv2DGradFilter(const ConvGeometry& geometry,
                               const float* x,   // [B,C,H,W]
                               const float* dy,  // [B,C*M,OH,OW]
                               float* dw,        // [C*M,KH,KW]
                               float* workspace = nullptr);

void DepthwiseConv2DGradInput(const ConvGeometry& geometry,
                              const float* w,   // [C*M,KH,KW]
                              const float* dy,  // [B,C*M,OH,OW]
                              float* dx,        // [B,C,H,W]
                              float* workspace = nullptr);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_DEPTHWISE_H_
