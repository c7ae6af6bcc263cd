// SPDX-License-Identifier: Apache-2.0
// The loop nest that broadcasting, transposing, slicing, padding and
// concatenating have in common: the same dims, walked with other strides by
// every operand.
#ifndef TFLM_TRAIN_KERNELS_STRIDED_LOOP_H_
#define TFLM_TRAIN_KERNELS_STRIDED_LOOP_H_

namespace biotrain {

struct StridedLoop {
  static constexpr int kMaxRank = 6;
  static constexpr int kMaxOperands = 4;

  int rank = 0;
  int operands = 2;
  int dims[kMaxRank] = {};
  // In elements; operand 0 is the output. An input that is repeated along a
  // dim has the stride 0 there.
  int strides[kMaxOperands][kMaxRank] = {};

  // Drops dims of one and merges neighbours that every operand walks as one,
  // so that most loops end with one or two dims. There is always one left.
  void Collapse() {
    int kept = 0;
    for (int d = 0; d < rank; ++d) {
      if (dims[d] == 1) continue;
      if (kept > 0 && Continues(kept - 1, d)) {
        dims[kept - 1] *= dims[d];
        CopyStrides(d, kept - 1);
      } else {
        dims[kept] = dims[d];
        CopyStrides(d, kept);
        ++kept;
      }
    }
    if (kept == 0) {
      dims[0] = 1;
      for (int o = 0; o < operands; ++o) strides[o][0] = 1;
      kept = 1;
    }
    rank = kept;
  }

  // Calls row(offsets) for every combination of the outer dims, in row-major
  // order; offsets[operand] is where its run along the last dim starts.
  template <typename Row>
  void ForEachRow(Row row) const {
    int index[kMaxRank] = {};
    int offsets[kMaxOperands] = {};
    while (true) {
      row(offsets);
      int d = rank - 2;
      for (; d >= 0; --d) {
        Advance(d, 1, offsets);
        if (++index[d] < dims[d]) break;
        Advance(d, -dims[d], offsets);
        index[d] = 0;
      }
      if (d < 0) return;
    }
  }

 private:
  // Whether one step along `outer` is dims[inner] steps along `inner`.
  bool Continues(int outer, int inner) const {
    for (int o = 0; o < operands; ++o) {
      if (strides[o][outer] != strides[o][inner] * dims[inner]) return false;
    }
    return true;
  }
  void CopyStrides(int from, int to) {
    for (int o = 0; o < operands; ++o) strides[o][to] = strides[o][from];
  }
  void Advance(int d, int steps, int* offsets) const {
    for (int o = 0; o < operands; ++o) offsets[o] += steps * strides[o][d];
  }
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_STRIDED_LOOP_H_
