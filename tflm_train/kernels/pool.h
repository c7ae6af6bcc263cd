// SPDX-License-Identifier: Apache-2.0
// Average and maximum pooling, NHWC float32, beside their gradients.
#ifndef TFLM_TRAIN_KERNELS_POOL_H_
#define TFLM_TRAIN_KERNELS_POOL_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// The mean over the part of the window that lies on the input.
void AveragePool2D(const PoolGeometry& geometry,
                   const float* x,  // [B,H,W,C]
                   Activation activation,
                   float* y);  // [B,OH,OW,C]

void AveragePool2DGrad(const PoolGeometry& geometry,
                       const float* dy,  // [B,OH,OW,C]
                       float* dx);       // [B,H,W,C]

void MaxPool2D(const PoolGeometry& geometry,
               const float* x,  // [B,H,W,C]
               Activation activation,
               float* y);  // [B,OH,OW,C]

// The gradient of a window goes to its first maximum in row-major order.
// y is the output without activation.
void MaxPool2DGrad(const PoolGeometry& geometry,
                   const float* x,   // [B,H,W,C]
                   const float* y,   // [B,OH,OW,C]
                   const float* dy,  // [B,OH,OW,C]
                   float* dx);       // [B,H,W,C]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_POOL_H_
