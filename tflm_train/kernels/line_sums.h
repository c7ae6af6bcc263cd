// SPDX-License-Identifier: Apache-2.0
// Sums along long lines: eight interleaved partial sums over chunks, whose
// totals are added with compensation. The order is fixed, and the same whether
// a processor adds one lane at a time or all eight.
#ifndef TFLM_TRAIN_KERNELS_LINE_SUMS_H_
#define TFLM_TRAIN_KERNELS_LINE_SUMS_H_

#include "tflm_train/kernels/repeat.h"
#include "tflm_train/kernels/sums.h"

namespace biotrain {

template <int kCount>
class LineSums {
 public:
  // add(i, lane) adds the terms of element i to lane[0] ... lane[kCount - 1].
  template <typename Add>
  [[gnu::always_inline]] void AddLine(int n, const Add& add) {
    for (int begin = 0; begin < n; begin += kChunk) {
      AddChunk(begin, n - begin < kChunk ? n : begin + kChunk, add);
    }
  }
  float Total(int i) const { return totals_[i].Total(); }

 private:
  static constexpr int kLanes = 8;
  static constexpr int kChunk = 1024;

  template <typename Add>
  [[gnu::always_inline]] void AddChunk(int i, int end, const Add& add) {
    float lanes[kLanes][kCount] = {};
    for (; i + kLanes <= end; i += kLanes) {
      Repeat<kLanes>([&](auto lane)
                         BIOTRAIN_INLINE { add(i + lane, lanes[lane]); });
    }
    Repeat<kLanes - 1>([&](auto lane) BIOTRAIN_INLINE {
      if (i + lane < end) add(i + lane, lanes[lane]);
    });
    for (int sum = 0; sum < kCount; ++sum) {
      const float even =
          (lanes[0][sum] + lanes[4][sum]) + (lanes[2][sum] + lanes[6][sum]);
      const float odd =
          (lanes[1][sum] + lanes[5][sum]) + (lanes[3][sum] + lanes[7][sum]);
      totals_[sum].Add(even + odd);
    }
  }

  CompensatedSum totals_[kCount];
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_LINE_SUMS_H_
