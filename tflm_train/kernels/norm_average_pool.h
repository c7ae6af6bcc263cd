// SPDX-License-Identifier: Apache-2.0
// A normalisation in parts, its activation and an average pool in one pass over
// their input; and what the gradient's sums need of all three. Windows lie side
// by side in rows (IsOneRow), and statistics are those of norm_parts.h.
#ifndef TFLM_TRAIN_KERNELS_NORM_AVERAGE_POOL_H_
#define TFLM_TRAIN_KERNELS_NORM_AVERAGE_POOL_H_

#include <cstdint>

#include "tflm_train/kernels/norm_parts.h"
#include "tflm_train/kernels/pool.h"

namespace biotrain {

enum class NormActivation { kNone, kRelu, kRelu6, kElu };

// The bits of Normalise, the activation and AveragePool2D one after the other.
void NormAveragePool(const NormShape& shape, const PoolGeometry& geometry,
                     NormActivation activation,
                     const float* x,         // [B,C,H,W]
                     const float* gamma,     // [C]
                     const float* beta,      // [C]
                     const float* mean,      // statistics
                     const float* variance,  // statistics
                     float epsilon,
                     float* y);  // [B,C,OH,OW]

// The mean over every window of the activation's slope, and of that slope times
// the normalised x. With the slope d of the pooled output, sum(d * slopes) is
// the gradient of beta and sum(d * products) that of gamma: what NormGradSums
// gives for the slopes that come back through pool and activation.
void NormSlopePool(const NormShape& shape, const PoolGeometry& geometry,
                   NormActivation activation,
                   const float* x,         // [B,C,H,W]
                   const float* gamma,     // [C]
                   const float* beta,      // [C]
                   const float* mean,      // statistics
                   const float* variance,  // statistics
                   float epsilon,
                   float* slopes,     // [B,C,OH,OW]
                   float* products);  // [B,C,OH,OW]

// Bytes of a row of counts: two in a byte, the first one low, if a window is
// small enough. Rows are whole words.
constexpr bool AreHalves(int window) { return window <= 15; }
constexpr int CountsInRow(int outputs, int window) {
  const int in_word = AreHalves(window) ? 8 : 4;
  return (outputs + in_word - 1) / in_word * 4;
}

// Where a slope is zero or one, their number says the same: kNone, kRelu and
// kRelu6, for windows of at most 255.
void NormCountPool(const NormShape& shape, const PoolGeometry& geometry,
                   NormActivation activation,
                   const float* x,         // [B,C,H,W]
                   const float* gamma,     // [C]
                   const float* beta,      // [C]
                   const float* mean,      // statistics
                   const float* variance,  // statistics
                   float epsilon,
                   uint8_t* counts,   // [B,C,OH,CountsInRow]
                   float* products);  // [B,C,OH,OW]

// NormGradSums of the slopes that come back from the pooled output through pool
// and activation, which are nowhere in memory.
void NormPoolGradSums(const NormShape& shape, const PoolGeometry& geometry,
                      NormActivation activation,
                      const float* x,         // [B,C,H,W]
                      const float* gamma,     // [C]
                      const float* beta,      // [C]
                      const float* mean,      // statistics
                      const float* variance,  // statistics
                      const float* dy,        // [B,C,OH,OW]
                      float epsilon,
                      float* dgamma,  // [B,C]
                      float* dbeta);  // [B,C]

// The bits of AveragePool2DGrad, the activation's gradient and NormGradInput
// one after the other.
void NormPoolGradInput(const NormShape& shape, const PoolGeometry& geometry,
                       NormActivation activation,
                       const float* x,             // [B,C,H,W]
                       const float* gamma,         // [C]
                       const float* beta,          // [C]
                       const float* mean,          // statistics
                       const float* variance,      // statistics
                       const float* mean_dy,       // statistics
                       const float* mean_product,  // statistics
                       const float* dy,            // [B,C,OH,OW]
                       float epsilon,
                       float* dx);  // [B,C,H,W], may equal x

// slopes = counts / window
void SlopesOfCounts(const uint8_t* counts,  // [rows,CountsInRow]
                    int rows, int columns, int window,
                    float* slopes);  // [rows,columns]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_NORM_AVERAGE_POOL_H_
