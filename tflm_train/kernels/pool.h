// SPDX-License-Identifier: Apache-2.0
// Average and maximum pooling, channels first (NCHW) float32, beside their
// gradients.
#ifndef TFLM_TRAIN_KERNELS_POOL_H_
#define TFLM_TRAIN_KERNELS_POOL_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// The mean over the part of the window that lies on the input.
void AveragePool2D(const PoolGeometry& geometry,
                   const float* x,  // [B,C,H,W]
                   Activation activation,
                   float* y);  // [B,C,OH,OW]

void AveragePool2DGrad(const PoolGeometry& geometry,
                       const float* dy,  // [B,C,OH,OW]
                       float* dx);       // [B,C,H,W]

void MaxPool2D(const PoolGeometry& geometry,
               const float* x,  // [B,C,H,W]
               Activation activation,
               float* y);  // [B,C,OH,OW]

// The gradient of a window goes to its first maximum in row-major order.
// y is the output without activation.
void MaxPool2DGrad(const PoolGeometry& geometry,
                   const float* x,   // [B,C,H,W]
                   const float* y,   // [B,C,OH,OW]
                   const float* dy,  // [B,C,OH,OW]
                   float* dx);       // [B,C,H,W]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_POOL_H_
