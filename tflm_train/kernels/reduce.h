// SPDX-License-Identifier: Apache-2.0
// Sum, mean, largest and smallest over some of the axes.
#ifndef TFLM_TRAIN_KERNELS_REDUCE_H_
#define TFLM_TRAIN_KERNELS_REDUCE_H_

#include <cstdint>

namespace biotrain {

enum class ReduceOp : uint8_t { kSum, kMean, kMax, kMin };

// A contiguous tensor as kept and reduced axes; the order within each kind is
// that of the tensor. Strides are in elements.
struct ReduceGeometry {
  static constexpr int kMaxRank = 6;
  int kept_rank = 0;
  int kept_dims[kMaxRank] = {};
  int kept_strides[kMaxRank] = {};
  int reduced_rank = 0;
  int reduced_dims[kMaxRank] = {};
  int reduced_strides[kMaxRank] = {};

  // Neighbouring axes of one kind are merged, those of one dropped.
  static ReduceGeometry Make(int rank, const int32_t* dims,
                             const bool* reduced);
};

// Sums are added in the order of the tensor: plain partial sums over chunks of
// 128 terms, those with compensation. A NaN makes maxima and minima NaN.
void Reduce(ReduceOp op, const ReduceGeometry& geometry,
            const float* x,  // all axes
            float* y);       // the kept axes, row-major

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_REDUCE_H_
