// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/matmul.h"

#include <initializer_list>

#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

struct Shape {
  int m, k, n;
};

constexpr Shape kShapes[] = {{1, 1, 1},   {1, 240, 4}, {1, 96, 2}, {1, 40, 3},
                             {1, 2, 37},  {1, 3, 19},  {1, 4, 25}, {8, 240, 4},
                             {4, 8, 25},  {5, 7, 6},   {9, 1, 11}, {3, 300, 3},
                             {2, 520, 5}, {13, 16, 8}};

constexpr int kCapacity = 4096;
float a[kCapacity], b[kCapacity], bias[kCapacity];
double want[kCapacity];

void Product(const Shape& s, bool adj_x, bool adj_y, bool biased,
             Activation activation) {
  for (int i = 0; i < s.m; ++i) {
    for (int j = 0; j < s.n; ++j) {
      double sum = biased ? static_cast<double>(bias[j]) : 0.0;
      for (int p = 0; p < s.k; ++p) {
        const float left = a[adj_x ? p * s.m + i : i * s.k + p];
        const float right = b[adj_y ? j * s.k + p : p * s.n + j];
        sum += static_cast<double>(left) * static_cast<double>(right);
      }
      const bool cut = activation != Activation::kNone && sum < 0.0;
      want[i * s.n + j] = cut ? 0.0 : sum;
    }
  }
}

void TestAllLayouts(TestContext& test) {
  TestRandom random(2);
  random.Fill(a, kCapacity);
  random.Fill(b, kCapacity);
  random.Fill(bias, kCapacity);
  for (const Shape& s : kShapes) {
    for (bool adj_x : {false, true}) {
      for (bool adj_y : {false, true}) {
        for (bool biased : {false, true}) {
          for (Activation activation : {Activation::kNone, Activation::kRelu}) {
            GuardedArray<kCapacity> c(s.m * s.n);
            MatMul(a, adj_x, b, adj_y, s.m, s.k, s.n, biased ? bias : nullptr,
                   activation, c.data());
            Product(s, adj_x, adj_y, biased, activation);
            test.ExpectNear(c.data(), want, c.size(), tolerance::kMatMul, "c");
            c.ExpectIntact(test);
          }
        }
      }
    }
  }
}

// A tile's shape must not change the order of a sum: one column or row of a
// product, computed alone, has the same bits.
void TestOrderDoesNotDependOnTiles(TestContext& test) {
  constexpr int kM = 9, kK = 300, kN = 7;
  TestRandom random(4);
  random.Fill(a, kM * kK);
  random.Fill(b, kK * kN);
  GuardedArray<kCapacity> whole(kM * kN);
  MatMul(a, false, b, true, kM, kK, kN, nullptr, Activation::kNone,
         whole.data());
  for (int i = 0; i < kM; ++i) {
    for (int j = 0; j < kN; ++j) {
      float alone = 0.0f;
      MatMul(a + i * kK, false, b + j * kK, true, 1, kK, 1, nullptr,
             Activation::kNone, &alone);
      test.ExpectSameBits(&alone, whole.data() + i * kN + j, 1, "alone");
    }
  }
}

constexpr TestCase kTests[] = {
    {"matmul_all_layouts", TestAllLayouts},
    {"matmul_order_of_sums", TestOrderDoesNotDependOnTiles},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
