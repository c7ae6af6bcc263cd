// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/matmul.h"

#include "tflm_train/kernels/correlate.h"
#include "tflm_train/kernels/row.h"
#include "tflm_train/kernels/tile_grid.h"

namespace biotrain {
namespace {

// Columns that do not fill a tile of the usual shape; terms of a row.
constexpr int kFew = 4;

const TileGrid& GridFor(bool adj_x, bool adj_y, bool few_columns) {
  if (adj_x) return few_columns ? kItemsByFewGrid : kItemsByItemsGrid;
  if (adj_y) return few_columns ? kStepsByFewGrid : kStepsByStepsGrid;
  return kStepsByItemsGrid;
}

// By how many columns, or terms, there are.
using RowKernel = void (*)(const float*, const float*, int, float*);
constexpr RowKernel kRowOfDots[kFew] = {RowOfDots<1>::Run, RowOfDots<2>::Run,
                                        RowOfDots<3>::Run, RowOfDots<4>::Run};
constexpr RowKernel kRowOfSums[kFew] = {RowOfSums<1>::Run, RowOfSums<2>::Run,
                                        RowOfSums<3>::Run, RowOfSums<4>::Run};

// The product of one row with up to four columns or terms; false if there are
// more. w is [n,k] if `transposed`, else [k,n].
bool RunRow(const float* x, const float* w, bool transposed, int k, int n,
            float* y) {
  const int count = transposed ? n : k;
  if (count < 1 || count > kFew) return false;
  if (transposed) {
    kRowOfDots[count - 1](x, w, k, y);
  } else {
    kRowOfSums[count - 1](x, w, n, y);
  }
  return true;
}

}  // namespace

void MatMul(const float* a, bool adj_x, const float* b, bool adj_y, int m,
            int k, int n, const float* bias, Activation activation, float* c) {
  const Sums sums = {c, n, 1};
  const Operand rows = adj_x ? Operand{a, 1, m, 0, 0} : Operand{a, k, 1, 0, 0};
  const Operand columns =
      adj_y ? Operand{b, k, 1, 0, 0} : Operand{b, 1, n, 0, 0};
  const Terms terms = {1, 1, k};
  if (m == 1 && RunRow(a, b, adj_y, k, n, c)) {
    return Finish({c, 1, 1}, 1, n, bias, activation);
  }
  if (adj_x && adj_y) {
    // There is no grid for it: c is summed up turned round.
    RunGrid(kStepsByItemsGrid, columns, rows, terms, Start::kZero, {c, 1, n}, n,
            m);
  } else if (!adj_x && !adj_y && m == 1) {
    // Tiles are of many items: the columns.
    RunGrid(kItemsByFewGrid, columns, rows, terms, Start::kZero, {c, 1, n}, n,
            1);
  } else {
    RunGrid(GridFor(adj_x, adj_y, n < kFew), rows, columns, terms, Start::kZero,
            sums, m, n);
  }
  Finish(sums, m, n, bias, activation);
}

}  // namespace biotrain
