// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/matmul.h"

#include "tflm_train/kernels/tile_sum.h"

namespace biotrain {
namespace {

struct Product {
  Operand a;  // items are rows of c
  Operand b;  // items are columns of c
  int k;
  int n;
  const float* bias;
  Activation activation;
  float* c;

  void Run(const TileKind& kind, int row, int column) const {
    TileSum sum(kind, c + row * n + column, n);
    sum.Add(a.Skip(row), b.Skip(column), {{0, 1}, {0, k}});
    sum.Finish(bias == nullptr ? nullptr : bias + column, activation);
  }
};

}  // namespace

void MatMul(const float* a, bool adj_x, const float* b, bool adj_y, int m,
            int k, int n, const float* bias, Activation activation, float* c) {
  const Product product = {
      adj_x ? Operand{a, 0, 1, m, 0} : Operand{a, 0, k, 1, 0},
      adj_y ? Operand{b, 0, k, 1, 0} : Operand{b, 0, 1, n, 0},
      k,
      n,
      bias,
      activation,
      c};
  const TileGrid& grid = adj_x
                             ? (adj_y ? kItemsByStepsGrid : kItemsByItemsGrid)
                             : (adj_y ? kStepsByStepsGrid : kStepsByItemsGrid);
  ForEachTile(grid, m, {0, n}, product);
}

}  // namespace biotrain
