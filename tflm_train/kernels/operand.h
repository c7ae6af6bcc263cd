// SPDX-License-Identifier: Apache-2.0
// What a micro-kernel is told of the arrays it sums over.
#ifndef TFLM_TRAIN_KERNELS_OPERAND_H_
#define TFLM_TRAIN_KERNELS_OPERAND_H_

namespace biotrain {

// Where one operand of a sum of products lies: element (item, plane, row, step)
// is at[item * item_pitch + plane * plane_pitch + ...], in floats.
struct Operand {
  const float* at;
  int item;
  int step;
  int row;
  int plane;

  constexpr Operand Skip(int items) const {
    return {at + items * item, item, step, row, plane};
  }
  constexpr Operand SkipSteps(int steps) const {
    return {at + steps * step, item, step, row, plane};
  }
};

// The terms of every sum, added in this order: planes, then rows, then steps.
struct Terms {
  int planes;
  int rows;
  int steps;
};

// Some steps of a line that is pieced together. The columns of b are `column`
// floats apart.
struct LinePart {
  const float* a;
  const float* b;
  int column;
  int steps;
};

// Whether sums begin at zero or go on from what is in memory.
enum class Start { kZero, kSums };

// Sum (item, column) is at[item * item_pitch + column * column_pitch].
struct Sums {
  float* at;
  int item;
  int column;

  constexpr Sums Skip(int items, int columns) const {
    return {at + items * item + columns * column, item, column};
  }
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_OPERAND_H_
