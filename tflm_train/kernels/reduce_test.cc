// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/reduce.h"

#include <initializer_list>

#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

constexpr int kRank = 4;
constexpr int32_t kDims[kRank] = {3, 5, 2, 9};
constexpr int kElements = 3 * 5 * 2 * 9;
float x[kElements];

// The loop one would write first.
int Expected(ReduceOp op, const bool* reduced, double* want) {
  int count = 1;
  int terms = 1;
  for (int d = 0; d < kRank; ++d) (reduced[d] ? terms : count) *= kDims[d];
  bool seen[kElements] = {};
  for (int i = 0; i < count; ++i) want[i] = 0.0;
  for (int e = 0; e < kElements; ++e) {
    int left = e;
    int to = 0;
    int stride = 1;
    for (int d = kRank - 1; d >= 0; --d) {
      const int at = left % kDims[d];
      left /= kDims[d];
      if (reduced[d]) continue;
      to += at * stride;
      stride *= kDims[d];
    }
    const double value = static_cast<double>(x[e]);
    if (op == ReduceOp::kSum || op == ReduceOp::kMean) {
      want[to] += op == ReduceOp::kMean ? value / terms : value;
    } else if (!seen[to] || (op == ReduceOp::kMax) == (value > want[to])) {
      want[to] = value;
    }
    seen[to] = true;
  }
  return count;
}

void TestAllAxes(TestContext& test) {
  TestRandom random(3);
  random.Fill(x, kElements);
  double want[kElements];
  for (const ReduceOp op :
       {ReduceOp::kSum, ReduceOp::kMean, ReduceOp::kMax, ReduceOp::kMin}) {
    for (int axes = 0; axes < 1 << kRank; ++axes) {
      bool reduced[kRank];
      for (int d = 0; d < kRank; ++d) reduced[d] = (axes >> d & 1) != 0;
      const int count = Expected(op, reduced, want);
      GuardedArray<kElements> y(count);
      Reduce(op, ReduceGeometry::Make(kRank, kDims, reduced), x, y.data());
      test.ExpectNear(y.data(), want, count, tolerance::kSums, "axes");
      y.ExpectIntact(test);
    }
  }
}

// 100,000 tenths: one running sum is wrong in the third digit.
void TestLongSum(TestContext& test) {
  constexpr int32_t kRows = 100000;
  static float tenths[kRows];
  for (float& value : tenths) value = 0.1f;
  const int32_t dims[] = {kRows};
  const bool reduced[] = {true};
  float sum = 0.0f;
  Reduce(ReduceOp::kSum, ReduceGeometry::Make(1, dims, reduced), tenths, &sum);
  test.ExpectNear(static_cast<double>(sum), kRows * static_cast<double>(0.1f),
                  0.05, "sum");
}

void TestNanSurvives(TestContext& test) {
  const float values[] = {1.0f, __builtin_nanf(""), 2.0f};
  const int32_t dims[] = {3};
  const bool reduced[] = {true};
  const ReduceGeometry geometry = ReduceGeometry::Make(1, dims, reduced);
  for (const ReduceOp op :
       {ReduceOp::kSum, ReduceOp::kMean, ReduceOp::kMax, ReduceOp::kMin}) {
    float y = 0.0f;
    Reduce(op, geometry, values, &y);
    test.Expect(y != y, "nan");
  }
}

constexpr TestCase kTests[] = {
    {"all_axes", TestAllAxes},
    {"long_sum", TestLongSum},
    {"nan_survives", TestNanSurvives},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
