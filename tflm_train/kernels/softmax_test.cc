// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/softmax.h"

#include <cmath>
#include <initializer_list>

#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

constexpr int kCapacity = 1024;
constexpr int kRows = 5;
float x[kCapacity];
double want[kCapacity];

void Oracle(int rows, int n, double beta, bool logarithm) {
  for (int row = 0; row < rows; ++row) {
    double sum = 0.0;
    for (int i = 0; i < n; ++i) {
      sum += std::exp(beta * static_cast<double>(x[row * n + i]));
    }
    for (int i = 0; i < n; ++i) {
      const double scaled = beta * static_cast<double>(x[row * n + i]);
      want[row * n + i] =
          logarithm ? scaled - std::log(sum) : std::exp(scaled) / sum;
    }
  }
}

void TestAgainstDouble(TestContext& test) {
  for (int n : {1, 2, 4, 9, 100}) {
    for (float beta : {1.0f, 0.5f}) {
      TestRandom random(6);
      random.Fill(x, kRows * n);
      for (int i = 0; i < kRows * n; ++i) x[i] *= 10.0f;
      GuardedArray<kCapacity> y(kRows * n);
      Softmax(x, kRows, n, beta, y.data());
      Oracle(kRows, n, static_cast<double>(beta), false);
      test.ExpectNear(y.data(), want, y.size(), tolerance::kSoftmax, "softmax");
      y.ExpectIntact(test);
    }
    GuardedArray<kCapacity> y(kRows * n);
    LogSoftmax(x, kRows, n, y.data());
    Oracle(kRows, n, 1.0, true);
    test.ExpectNear(y.data(), want, y.size(), tolerance::kSoftmax, "log");
    y.ExpectIntact(test);
  }
}

void TestLargeInputsDoNotOverflow(TestContext& test) {
  const float large[] = {1000.0f, 0.0f, -1000.0f};
  const double probabilities[] = {1.0, 0.0, 0.0};
  const double logarithms[] = {0.0, -1000.0, -2000.0};
  float y[3];
  Softmax(large, 1, 3, 1.0f, y);
  test.ExpectNear(y, probabilities, 3, 0.0, "softmax");
  LogSoftmax(large, 1, 3, y);
  test.ExpectNear(y, logarithms, 3, 0.0, "log softmax");
}

void TestInPlaceAndNan(TestContext& test) {
  float values[] = {0.5f, -1.0f, 2.0f};
  float y[3];
  Softmax(values, 1, 3, 1.0f, y);
  Softmax(values, 1, 3, 1.0f, values);
  test.ExpectSameBits(values, y, 3, "in place");
  values[1] = __builtin_nanf("");
  Softmax(values, 1, 3, 1.0f, y);
  test.Expect(y[0] != y[0] && y[1] != y[1], "NaN is not hidden");
}

constexpr TestCase kTests[] = {
    {"softmax_against_double", TestAgainstDouble},
    {"softmax_large_inputs", TestLargeInputsDoNotOverflow},
    {"softmax_in_place_and_nan", TestInPlaceAndNan},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
