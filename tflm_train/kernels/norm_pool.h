// SPDX-License-Identifier: Apache-2.0
// Batch normalisation and the maximum pool that alone reads its output, in one:
// what is normalised is the one element of a window that the pool lets through.
// The pool's windows must lie side by side in one row (IsOneRow).
#ifndef TFLM_TRAIN_KERNELS_NORM_POOL_H_
#define TFLM_TRAIN_KERNELS_NORM_POOL_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// The bits of BatchNorm followed by MaxPool2D, but for the sign of zeros.
void BatchNormMaxPool(const PoolGeometry& geometry,
                      const float* x,      // [B,C,H,W]
                      const float* gamma,  // [C]
                      const float* beta,   // [C]
                      float epsilon, Activation activation,
                      float* y,         // [B,C,OH,OW]
                      float* mean,      // [C]
                      float* variance,  // [C]
                      float* peak);     // [B,C,OH,OW] x where y is from

// MaxPool2DGrad followed by BatchNormGrad, of whose sums only the terms that
// are not zero are added. dy must be zero where an activation changed y.
void BatchNormMaxPoolGrad(const PoolGeometry& geometry,
                          const float* gamma,     // [C]
                          const float* mean,      // [C]
                          const float* variance,  // [C]
                          const float* peak,      // [B,C,OH,OW]
                          const float* dy,        // [B,C,OH,OW]
                          const float* x,         // [B,C,H,W]
                          float epsilon,
                          float* dx,      // [B,C,H,W], may equal x
                          float* dgamma,  // [C]
                          float* dbeta);  // [C]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_NORM_POOL_H_
