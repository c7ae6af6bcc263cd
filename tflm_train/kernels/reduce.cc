// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/reduce.h"

#include "tflm_train/kernels/repeat.h"
#include "tflm_train/kernels/sums.h"

namespace biotrain {
namespace {

// Sums computed side by side: a chain of dependent additions is slow.
constexpr int kLanes = 4;

// Counts through the dims in row-major order, keeping the offset of the
// element it stands at.
class Odometer {
 public:
  Odometer(int rank, const int* dims, const int* strides)
      : rank_(rank), dims_(dims), strides_(strides) {}

  int offset() const { return offset_; }
  void Next() {
    for (int d = rank_ - 1; d >= 0; --d) {
      offset_ += strides_[d];
      if (++index_[d] < dims_[d]) return;
      offset_ -= dims_[d] * strides_[d];
      index_[d] = 0;
    }
  }

 private:
  const int rank_;
  const int* const dims_;
  const int* const strides_;
  int index_[ReduceGeometry::kMaxRank] = {};
  int offset_ = 0;
};

int Product(int rank, const int* dims) {
  int product = 1;
  for (int d = 0; d < rank; ++d) product *= dims[d];
  return product;
}

// Adds `run` elements, `step` apart, to each sum; returns where the next is.
template <int kCount>
const float* AddRun(int run, const float* term, int step, int lane_stride,
                    float* partial) {
  float sums[kCount];
  for (int lane = 0; lane < kCount; ++lane) sums[lane] = partial[lane];
  if (step == 1) {
    const float* lanes[kCount];
    for (int lane = 0; lane < kCount; ++lane) {
      lanes[lane] = term + lane * lane_stride;
    }
    ForEachElement(run, [&](int i) BIOTRAIN_INLINE {
      for (int lane = 0; lane < kCount; ++lane) sums[lane] += lanes[lane][i];
    });
    term += run;
  } else {
    for (int i = 0; i < run; ++i, term += step) {
      for (int lane = 0; lane < kCount; ++lane) {
        sums[lane] += term[lane * lane_stride];
      }
    }
  }
  for (int lane = 0; lane < kCount; ++lane) partial[lane] = sums[lane];
  return term;
}

// `terms` elements for each of kCount outputs, `lane_stride` apart.
template <int kCount>
void SumLanes(const ReduceGeometry& g, int terms, const float* x,
              int lane_stride, bool mean, float* y) {
  // The innermost reduced axis is a plain loop; the others come after it.
  const int inner = g.reduced_rank > 0 ? g.reduced_rank - 1 : 0;
  const int width = g.reduced_rank > 0 ? g.reduced_dims[inner] : 1;
  const int step = g.reduced_rank > 0 ? g.reduced_strides[inner] : 0;
  Odometer at(inner, g.reduced_dims, g.reduced_strides);
  int left = width;
  const float* term = x;
  ChunkedSums<kCount> sums;
  sums.AddChunks(terms, [&](int begin, int end, float* partial) {
    while (begin < end) {
      const int run = left < end - begin ? left : end - begin;
      term = AddRun<kCount>(run, term, step, lane_stride, partial);
      begin += run;
      left -= run;
      if (left > 0) continue;
      at.Next();
      term = x + at.offset();
      left = width;
    }
  });
  for (int lane = 0; lane < kCount; ++lane) {
    const float sum = sums.Total(lane);
    y[lane] = mean ? sum / static_cast<float>(terms) : sum;
  }
}

void Extreme(const ReduceGeometry& g, int terms, const float* x, bool largest,
             float* y) {
  Odometer at(g.reduced_rank, g.reduced_dims, g.reduced_strides);
  float best = *x;
  for (int i = 1; i < terms; ++i) {
    at.Next();
    const float value = x[at.offset()];
    const bool better = largest ? value > best : value < best;
    if (better || value != value) best = value;
  }
  *y = best;
}

}  // namespace

ReduceGeometry ReduceGeometry::Make(int rank, const int32_t* dims,
                                    const bool* reduced) {
  ReduceGeometry g;
  // From the last axis on, since strides grow that way; reversed at the end.
  int stride = 1;
  int previous = -1;  // the kind of the axis before: none, kept, reduced
  for (int d = rank - 1; d >= 0; --d) {
    if (dims[d] == 1) continue;
    int& count = reduced[d] ? g.reduced_rank : g.kept_rank;
    int* const to_dims = reduced[d] ? g.reduced_dims : g.kept_dims;
    int* const to_strides = reduced[d] ? g.reduced_strides : g.kept_strides;
    if (previous == static_cast<int>(reduced[d])) {
      to_dims[count - 1] *= dims[d];
    } else {
      to_dims[count] = dims[d];
      to_strides[count] = stride;
      ++count;
    }
    previous = static_cast<int>(reduced[d]);
    stride *= dims[d];
  }
  const auto reverse = [](int count, int* values) {
    for (int i = 0; i < count / 2; ++i) {
      const int value = values[i];
      values[i] = values[count - 1 - i];
      values[count - 1 - i] = value;
    }
  };
  reverse(g.kept_rank, g.kept_dims);
  reverse(g.kept_rank, g.kept_strides);
  reverse(g.reduced_rank, g.reduced_dims);
  reverse(g.reduced_rank, g.reduced_strides);
  return g;
}

void Reduce(ReduceOp op, const ReduceGeometry& g, const float* x, float* y) {
  const int terms = Product(g.reduced_rank, g.reduced_dims);
  // Outputs along the innermost kept axis are computed side by side.
  const int outer_rank = g.kept_rank > 0 ? g.kept_rank - 1 : 0;
  const int run = g.kept_rank > 0 ? g.kept_dims[outer_rank] : 1;
  const int stride = g.kept_rank > 0 ? g.kept_strides[outer_rank] : 1;
  const int outer = Product(outer_rank, g.kept_dims);
  const bool mean = op == ReduceOp::kMean;
  Odometer at(outer_rank, g.kept_dims, g.kept_strides);
  for (int o = 0; o < outer; ++o, at.Next(), y += run) {
    const float* const base = x + at.offset();
    int i = 0;
    if (op == ReduceOp::kMax || op == ReduceOp::kMin) {
      for (; i < run; ++i) {
        Extreme(g, terms, base + i * stride, op == ReduceOp::kMax, y + i);
      }
    }
    for (; i + kLanes <= run; i += kLanes) {
      SumLanes<kLanes>(g, terms, base + i * stride, stride, mean, y + i);
    }
    for (; i < run; ++i) {
      SumLanes<1>(g, terms, base + i * stride, stride, mean, y + i);
    }
  }
}

}  // namespace biotrain
