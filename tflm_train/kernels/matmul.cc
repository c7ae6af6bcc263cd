// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/matmul.h"

#include "tflm_train/kernels/correlate.h"
#include "tflm_train/kernels/tile_grid.h"

namespace biotrain {

void MatMul(const float* a, bool adj_x, const float* b, bool adj_y, int m,
            int k, int n, const float* bias, Activation activation, float* c) {
  const Sums sums = {c, n, 1};
  const Operand rows = adj_x ? Operand{a, 1, m, 0, 0} : Operand{a, k, 1, 0, 0};
  const Operand columns =
      adj_y ? Operand{b, k, 1, 0, 0} : Operand{b, 1, n, 0, 0};
  const Terms terms = {1, 1, k};
  if (adj_x && adj_y) {
    // There is no grid for it: c is summed up turned round.
    RunGrid(kStepsByItemsGrid, columns, rows, terms, Start::kZero, {c, 1, n}, n,
            m);
  } else {
    RunGrid(adj_x   ? kItemsByItemsGrid
            : adj_y ? kStepsByStepsGrid
                    : kStepsByItemsGrid,
            rows, columns, terms, Start::kZero, sums, m, n);
  }
  Finish(sums, m, n, bias, activation);
}

}  // namespace biotrain
