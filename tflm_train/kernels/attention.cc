// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/attention.h"

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/softmax.h"
#include "tflm_train/kernels/tile_grid.h"

namespace biotrain {
namespace {

// Products of queries and keys that are on the stack at a time.
constexpr int kRows = 8;
constexpr int kColumns = 16;

int Smaller(int a, int b) { return a < b ? a : b; }

// Where one head of one sample lies, and the pitches of its tokens.
struct Head {
  int q, k, v, y, p;  // offsets
  int token;          // of q and k
  int value_token;    // of v and y
};

template <typename Visit>
void ForEachHead(const AttentionShape& s, Visit visit) {
  const int token = s.heads * s.depth;
  const int value_token = s.heads * s.value_depth;
  for (int b = 0; b < s.batch; ++b) {
    for (int h = 0; h < s.heads; ++h) {
      visit(Head{b * s.queries * token + h * s.depth,
                 b * s.keys * token + h * s.depth,
                 b * s.keys * value_token + h * s.value_depth,
                 b * s.queries * value_token + h * s.value_depth,
                 (b * s.heads + h) * s.queries * s.keys, token, value_token});
    }
  }
}

// c[m,n] = a[m,k] b[n,k]^T, all with pitches.
void RowsByRows(const float* a, int a_pitch, const float* b, int b_pitch, int m,
                int k, int n, const Sums& c) {
  RunGrid(kStepsByStepsGrid, {a, a_pitch, 1, 0, 0}, {b, b_pitch, 1, 0, 0},
          {1, 1, k}, Start::kZero, c, m, n);
}

// c[m,n] = a[m,k] b[k,n]
void RowsByColumns(const float* a, int a_pitch, const float* b, int b_pitch,
                   int m, int k, int n, const Sums& c) {
  RunGrid(kStepsByItemsGrid, {a, a_pitch, 1, 0, 0}, {b, 1, b_pitch, 0, 0},
          {1, 1, k}, Start::kZero, c, m, n);
}

// c[m,n] = a[k,m]^T b[k,n]
void ColumnsByColumns(const float* a, int a_pitch, const float* b, int b_pitch,
                      int m, int k, int n, const Sums& c) {
  RunGrid(kItemsByItemsGrid, {a, 1, a_pitch, 0, 0}, {b, 1, b_pitch, 0, 0},
          {1, 1, k}, Start::kZero, c, m, n);
}

void Weights(const AttentionShape& s, float* p) {
  if (!s.causal) {
    Softmax(p, s.queries, s.keys, s.scale, p);
    return;
  }
  for (int i = 0; i < s.queries; ++i, p += s.keys) {
    const int seen = Smaller(i + 1, s.keys);
    Softmax(p, 1, seen, s.scale, p);
    for (int j = seen; j < s.keys; ++j) p[j] = 0.0f;
  }
}

// The gradient of the scaled products, tile by tile: what arrives at p less its
// mean under p, which is dy y.
void ProductsGrad(const AttentionShape& s, const Head& at, const float* v,
                  const float* y, const float* dy, const float* p, float* dp) {
  float arrives[kRows * kColumns];
  float mean[kRows];
  for (int row = 0; row < s.queries; row += kRows) {
    const int rows = Smaller(kRows, s.queries - row);
    for (int i = 0; i < rows; ++i) {
      const float* const slope = dy + (row + i) * at.value_token;
      const float* const value = y + (row + i) * at.value_token;
      mean[i] = 0.0f;
      for (int d = 0; d < s.value_depth; ++d) {
        mean[i] = Fma(slope[d], value[d], mean[i]);
      }
    }
    for (int column = 0; column < s.keys; column += kColumns) {
      const int columns = Smaller(kColumns, s.keys - column);
      RowsByRows(dy + row * at.value_token, at.value_token,
                 v + column * at.value_token, at.value_token, rows,
                 s.value_depth, columns, {arrives, kColumns, 1});
      for (int i = 0; i < rows; ++i) {
        const int line = (row + i) * s.keys + column;
        for (int j = 0; j < columns; ++j) {
          const float above = arrives[i * kColumns + j] - mean[i];
          dp[line + j] = p[line + j] * above * s.scale;
        }
      }
    }
  }
}

}  // namespace

void Attention(const AttentionShape& s, const float* q, const float* k,
               const float* v, float* y, float* p) {
  ForEachHead(s, [&](const Head& at) {
    float* const weights = p + at.p;
    RowsByRows(q + at.q, at.token, k + at.k, at.token, s.queries, s.depth,
               s.keys, {weights, s.keys, 1});
    Weights(s, weights);
    RowsByColumns(weights, s.keys, v + at.v, at.value_token, s.queries, s.keys,
                  s.value_depth, {y + at.y, at.value_token, 1});
  });
}

void AttentionGrad(const AttentionShape& s, const float* q, const float* k,
                   const float* v, const float* y, const float* dy,
                   const float* p, float* dp, float* dq, float* dk, float* dv) {
  ForEachHead(s, [&](const Head& at) {
    // First, since dp may take the place of p.
    ColumnsByColumns(p + at.p, s.keys, dy + at.y, at.value_token, s.keys,
                     s.queries, s.value_depth, {dv + at.v, at.value_token, 1});
    ProductsGrad(s, at, v + at.v, y + at.y, dy + at.y, p + at.p, dp + at.p);
    RowsByColumns(dp + at.p, s.keys, k + at.k, at.token, s.queries, s.keys,
                  s.depth, {dq + at.q, at.token, 1});
    ColumnsByColumns(dp + at.p, s.keys, q + at.q, at.token, s.keys, s.queries,
                     s.depth, {dk + at.k, at.token, 1});
  });
}

}  // namespace biotrain
