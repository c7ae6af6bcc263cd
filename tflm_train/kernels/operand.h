// SPDX-License-Identifier: Apache-2.0
// What the micro-kernel of tile.h multiplies, and which terms of it.
#ifndef TFLM_TRAIN_KERNELS_OPERAND_H_
#define TFLM_TRAIN_KERNELS_OPERAND_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// Strides in floats. start may lie outside of the data, on padding, as long as
// the steps that are taken do not.
struct Operand {
  const float* data;
  int start;
  int item;
  int step;
  int row;

  const float* At(int row_index, int step_index) const {
    return data + start + row_index * row + step_index * step;
  }
  constexpr Operand Skip(int items) const {
    return {data, start + items * item, item, step, row};
  }
  // For sums over a single row: its steps are what were the rows.
  constexpr Operand Transposed() const {
    return {data, start, item, row, step};
  }
};

// Which terms of its sums a tile adds.
struct Terms {
  Range rows;
  Range steps;  // of every row

  constexpr int Count() const { return rows.size() * steps.size(); }
};

// Whether a tile's sums begin at zero or go on from what is in memory.
enum class Start { kZero, kSums };

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_OPERAND_H_
