// SPDX-License-Identifier: Apache-2.0
// Long sums in float without scratch memory: plain partial sums over chunks of
// rows, the partial sums added with compensation. The order is fixed.
#ifndef TFLM_TRAIN_KERNELS_SUMS_H_
#define TFLM_TRAIN_KERNELS_SUMS_H_

namespace biotrain {

// Neumaier's compensated sum.
class CompensatedSum {
 public:
  void Add(float value) {
    const float sum = sum_ + value;
    const float kept = Magnitude(sum_) >= Magnitude(value)
                           ? (sum_ - sum) + value
                           : (value - sum) + sum_;
    sum_ = sum;
    lost_ += kept;
  }
  float Total() const { return sum_ + lost_; }

 private:
  static float Magnitude(float v) { return v < 0.0f ? -v : v; }
  float sum_ = 0.0f;
  float lost_ = 0.0f;
};

// kCount sums that run over the same rows.
template <int kCount>
class ChunkedSums {
 public:
  // add_row(row, partial) adds the terms of one row to partial[kCount].
  template <typename AddRow>
  void AddRows(int rows, AddRow add_row) {
    AddChunks(rows, [&](int begin, int end, float* partial) {
      for (int row = begin; row < end; ++row) add_row(row, partial);
    });
  }
  // add_chunk(begin, end, partial) adds those of some rows, one by one.
  template <typename AddChunk>
  void AddChunks(int rows, AddChunk add_chunk) {
    constexpr int kChunk = 128;
    for (int begin = 0; begin < rows; begin += kChunk) {
      const int end = rows - begin < kChunk ? rows : begin + kChunk;
      float partial[kCount] = {};
      add_chunk(begin, end, partial);
      for (int i = 0; i < kCount; ++i) totals_[i].Add(partial[i]);
    }
  }
  float Total(int i) const { return totals_[i].Total(); }

 private:
  CompensatedSum totals_[kCount];
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_SUMS_H_
