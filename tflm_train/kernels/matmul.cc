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

  template <int kM, int kN, Contiguous kA, Contiguous kB>
  void Run(int row, int column) const {
    TileSum<kM, kN, kA, kB> sum;
    sum.AddAll(a.Skip(row), b.Skip(column), {0, 1}, k);
    sum.Store(c + row * n + column, n,
              bias == nullptr ? nullptr : bias + column, activation);
  }
};

}  // namespace

void MatMul(const float* a, bool adj_x, const float* b, bool adj_y, int m,
            int k, int n, const float* bias, Activation activation, float* c) {
  constexpr Contiguous kItems = Contiguous::kItems;
  constexpr Contiguous kSteps = Contiguous::kSteps;
  const Product product = {
      adj_x ? Operand{a, 0, 1, m, 0} : Operand{a, 0, k, 1, 0},
      adj_y ? Operand{b, 0, k, 1, 0} : Operand{b, 0, 1, n, 0},
      k,
      n,
      bias,
      activation,
      c};
  if (adj_x && adj_y) {
    ForEachTile<4, 4, kItems, kSteps>(m, {0, n}, product);
  } else if (adj_x) {
    ForEachTile<4, 4, kItems, kItems>(m, {0, n}, product);
  } else if (adj_y) {
    ForEachTile<4, 4, kSteps, kSteps>(m, {0, n}, product);
  } else {
    ForEachTile<4, 4, kSteps, kItems>(m, {0, n}, product);
  }
}

}  // namespace biotrain
