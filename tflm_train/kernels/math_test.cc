// SPDX-License-Identifier: Apache-2.0
// Accuracy against libm in double. Host only: the kernels need no libm.
#include "tflm_train/kernels/math.h"

#include <cmath>
#include <initializer_list>

#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

// |got - want| in units of the last place of want as a float.
double UlpError(float got, double want) {
  int exponent = 0;
  std::frexp(want, &exponent);
  const double ulp = std::ldexp(1.0, (exponent < -125 ? -125 : exponent) - 24);
  return std::fabs(static_cast<double>(got) - want) / ulp;
}

void Sweep(TestContext& test, float (*function)(float),
           double (*oracle)(double), float from, float to, double tolerance,
           const char* what) {
  constexpr int kSteps = 200000;
  for (int i = 0; i <= kSteps; ++i) {
    const float part = static_cast<float>(i) / static_cast<float>(kSteps);
    const float x = Fma(part, to - from, from);
    test.ExpectNear(UlpError(function(x), oracle(static_cast<double>(x))), 0.0,
                    tolerance, what);
  }
}

double OracleLogistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

void TestExp(TestContext& test) {
  Sweep(test, Exp, std::exp, -103.0f, 88.7f, tolerance::kExpUlp, "all");
  Sweep(test, Exp, std::exp, -1.0f, 1.0f, tolerance::kExpUlp, "near 0");
}

void TestExpm1(TestContext& test) {
  Sweep(test, Expm1, std::expm1, -20.0f, 88.7f, tolerance::kExpm1Ulp, "all");
  Sweep(test, Expm1, std::expm1, -2.0f, 2.0f, tolerance::kExpm1Ulp, "near 0");
  Sweep(test, Expm1, std::expm1, -1e-6f, 1e-6f, tolerance::kExpm1Ulp, "tiny");
}

void TestLog(TestContext& test) {
  Sweep(test, Log, std::log, 1e-3f, 1e3f, tolerance::kLogUlp, "all");
  Sweep(test, Log, std::log, 0.4f, 2.5f, tolerance::kLogUlp, "near 1");
  Sweep(test, Log, std::log, 1e-44f, 1e-37f, tolerance::kLogUlp, "subnormal");
  Sweep(test, Log, std::log, 1e30f, 3e38f, tolerance::kLogUlp, "large");
}

void TestTanh(TestContext& test) {
  Sweep(test, Tanh, std::tanh, -12.0f, 12.0f, tolerance::kTanhUlp, "all");
  Sweep(test, Tanh, std::tanh, -0.7f, 0.7f, tolerance::kTanhUlp, "near 0");
}

void TestLogistic(TestContext& test) {
  Sweep(test, Logistic, OracleLogistic, -80.0f, 30.0f, tolerance::kLogisticUlp,
        "all");
}

void ExpectExactly(TestContext& test, float got, float want, const char* what) {
  test.ExpectSameBits(&got, &want, 1, what);
}

void TestSpecialValues(TestContext& test) {
  const float inf = Infinity();
  const float nan = inf - inf;
  for (float (*function)(float) : {Exp, Expm1, Log, Tanh, Logistic, Floor}) {
    const float got = function(nan);
    test.Expect(got != got, "NaN stays NaN");
  }
  ExpectExactly(test, Exp(0.0f), 1.0f, "exp(0)");
  ExpectExactly(test, Exp(inf), inf, "exp(inf)");
  ExpectExactly(test, Exp(-inf), 0.0f, "exp(-inf)");
  ExpectExactly(test, Exp(89.0f), inf, "exp overflows");
  ExpectExactly(test, Expm1(0.0f), 0.0f, "expm1(0)");
  ExpectExactly(test, Expm1(-inf), -1.0f, "expm1(-inf)");
  ExpectExactly(test, Expm1(inf), inf, "expm1(inf)");
  ExpectExactly(test, Log(1.0f), 0.0f, "log(1)");
  ExpectExactly(test, Log(0.0f), -inf, "log(0)");
  ExpectExactly(test, Log(inf), inf, "log(inf)");
  test.Expect(Log(-1.0f) != Log(-1.0f), "log of a negative number is NaN");
  ExpectExactly(test, Tanh(inf), 1.0f, "tanh(inf)");
  ExpectExactly(test, Tanh(-inf), -1.0f, "tanh(-inf)");
  ExpectExactly(test, Logistic(inf), 1.0f, "logistic(inf)");
  ExpectExactly(test, Logistic(-inf), 0.0f, "logistic(-inf)");
}

void TestFloor(TestContext& test) {
  for (float x : {0.0f, -0.0f, 0.5f, -0.5f, 1.0f, -1.0f, 1.5f, -1.5f, 2.9f,
                  -2.1f, 8388607.5f, -8388607.5f, 8388608.0f, -1e10f, 3e38f}) {
    ExpectExactly(test, Floor(x), std::floor(x), "floor");
  }
  TestRandom random(5);
  for (int i = 0; i < 10000; ++i) {
    const float x = random.Uniform() * 1000.0f;
    ExpectExactly(test, Floor(x), std::floor(x), "random floor");
  }
}

constexpr TestCase kTests[] = {
    {"exp", TestExp},           {"expm1", TestExpm1},
    {"log", TestLog},           {"tanh", TestTanh},
    {"logistic", TestLogistic}, {"special_values", TestSpecialValues},
    {"floor", TestFloor},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
