// SPDX-License-Identifier: Apache-2.0
// Average and maximum pooling, channels first (NCHW) float32, beside their
// gradients.
#ifndef TFLM_TRAIN_KERNELS_POOL_H_
#define TFLM_TRAIN_KERNELS_POOL_H_

#include <cstdint>

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// Whether windows lie side by side in one row, none of them on padding, as
// pools over time have them.
inline bool IsOneRow(const PoolGeometry& g) {
  return g.filter_h == 1 && g.stride_h == 1 && g.stride_w == g.filter_w &&
         g.pad_top == 0 && g.pad_left == 0 && g.out_h == g.in_h &&
         g.out_w * g.stride_w <= g.in_w;
}

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

// The input that a normalisation by gamma makes the largest: where gamma is
// negative the smallest, where it is zero the first.
void PeakPool2D(const PoolGeometry& geometry,
                const float* x,      // [B,C,H,W]
                const float* gamma,  // [C]
                float* y);           // [B,C,OH,OW]

// The gradient of a window goes to its first maximum in row-major order.
// y is the output. Where its activation changed it, dy must be zero.
void MaxPool2DGrad(const PoolGeometry& geometry,
                   const float* x,   // [B,C,H,W]
                   const float* y,   // [B,C,OH,OW]
                   const float* dy,  // [B,C,OH,OW]
                   float* dx);       // [B,C,H,W]

// Windows of at most so many elements have indices of a byte; the index
// kNoMaximum is that of a window whose maximum is not in it: a NaN, or what its
// activation made.
constexpr int kMostIndexed = 255;
constexpr uint8_t kNoMaximum = 255;

// Where MaxPool2DGrad finds the maximum of each window: row filter_w + column,
// from the first row and column of the window that lie on the input.
void MaxPool2DIndices(const PoolGeometry& geometry,
                      const float* x,     // [B,C,H,W]
                      const float* y,     // [B,C,OH,OW]
                      uint8_t* indices);  // [B,C,OH,OW]

// The bits of MaxPool2DGrad. An index that is not in its window has no effect.
void MaxPool2DGradOfIndices(const PoolGeometry& geometry,
                            const uint8_t* indices,  // [B,C,OH,OW]
                            const float* dy,         // [B,C,OH,OW]
                            float* dx);              // [B,C,H,W]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_POOL_H_
