// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/sums.h"

#include <initializer_list>

#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

void TestCompensationKeepsWhatIsLost(TestContext& test) {
  CompensatedSum sum;
  sum.Add(1.0f);
  for (int i = 0; i < 1000; ++i) sum.Add(1e-8f);
  test.ExpectNear(static_cast<double>(sum.Total()), 1.00001, tolerance::kSums,
                  "small terms after a large one");
  CompensatedSum cancelled;
  for (float value : {1.0f, 1e10f, 1.0f, -1e10f}) cancelled.Add(value);
  test.ExpectNear(static_cast<double>(cancelled.Total()), 2.0, 0.0,
                  "a large term that goes away");
}

void TestLongSum(TestContext& test) {
  constexpr int kRows = 100000;
  float values[512];
  TestRandom random(12);
  random.Fill(values, 512);
  double want = 0.0;
  ChunkedSums<1> sums;
  for (int i = 0; i < kRows; ++i) {
    want += static_cast<double>(1.0f + values[i % 512]);
  }
  sums.AddRows(kRows, [&](int row, float* partial) {
    partial[0] += 1.0f + values[row % 512];
  });
  test.ExpectNear(static_cast<double>(sums.Total(0)) / want, 1.0,
                  tolerance::kSums, "relative");
}

constexpr TestCase kTests[] = {
    {"compensated_sum", TestCompensationKeepsWhatIsLost},
    {"chunked_sum", TestLongSum},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
