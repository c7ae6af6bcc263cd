// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/gelu.h"

#include <cmath>
#include <initializer_list>

#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

constexpr int kSize = 500;
float x[kSize], dy[kSize];
double want[kSize];

double Exact(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }
double WithTanh(double x) {
  const double first = std::sqrt(2.0 / std::acos(-1.0));
  return 0.5 * x * (1.0 + std::tanh(first * (x + 0.044715 * x * x * x)));
}

struct Pair {
  const char* name;
  void (*forward)(const float* x, int n, float* y);
  void (*grad)(const float* x, const float* dy, int n, float* dx);
  double (*oracle)(double);
};

constexpr Pair kPairs[] = {
    {"gelu", Gelu, GeluGrad, Exact},
    {"gelu_tanh", GeluTanh, GeluTanhGrad, WithTanh},
};

void MakeInputs(float scale) {
  TestRandom random(9);
  random.Fill(x, kSize);
  random.Fill(dy, kSize);
  for (float& value : x) value *= scale;
  x[0] = 0.0f;
}

void TestForward(TestContext& test) {
  for (float scale : {0.01f, 1.0f, 4.0f, 40.0f}) {
    MakeInputs(scale);
    for (const Pair& pair : kPairs) {
      GuardedArray<kSize> y(kSize);
      pair.forward(x, kSize, y.data());
      for (int i = 0; i < kSize; ++i) {
        want[i] = pair.oracle(static_cast<double>(x[i]));
      }
      test.ExpectNear(y.data(), want, kSize, tolerance::kGelu, pair.name);
      y.ExpectIntact(test);
      pair.forward(y.data(), 0, y.data());
      y.ExpectIntact(test);
    }
  }
}

void TestGradByFiniteDifferences(TestContext& test) {
  constexpr double kStep = 1e-6;
  for (float scale : {0.01f, 1.0f, 6.0f}) {
    MakeInputs(scale);
    for (const Pair& pair : kPairs) {
      GuardedArray<kSize> dx(kSize);
      pair.grad(x, dy, kSize, dx.data());
      for (int i = 0; i < kSize; ++i) {
        const double at = static_cast<double>(x[i]);
        const double rise = pair.oracle(at + kStep) - pair.oracle(at - kStep);
        want[i] = rise / (2.0 * kStep) * static_cast<double>(dy[i]);
      }
      test.ExpectNear(dx.data(), want, kSize, tolerance::kFiniteDifference,
                      pair.name);
      dx.ExpectIntact(test);
    }
  }
}

void TestInPlaceFarOutAndNan(TestContext& test) {
  for (const Pair& pair : kPairs) {
    float far[] = {-1e30f, 1e30f, -1e3f, 1e3f};
    const double ends[] = {0.0, 1e30, 0.0, 1e3};
    const double slopes[] = {0.0, 1.0, 0.0, 1.0};
    const float ones[] = {1.0f, 1.0f, 1.0f, 1.0f};
    float y[4];
    pair.forward(far, 4, y);
    test.ExpectNear(y, ends, 4, 1e-6, "far out");
    if (pair.grad == GeluGrad) {
      pair.grad(far, ones, 4, y);
      test.ExpectNear(y, slopes, 4, 1e-6, "slope far out");
    }
    MakeInputs(3.0f);
    GuardedArray<kSize> apart(kSize), dx(kSize);
    pair.grad(x, dy, kSize, apart.data());
    pair.grad(x, dy, kSize, dy);
    test.ExpectSameBits(dy, apart.data(), kSize, "in place of dy");
    pair.forward(x, kSize, dx.data());
    pair.forward(x, kSize, x);
    test.ExpectSameBits(x, dx.data(), kSize, "in place");
    const float nan = __builtin_nanf("");
    pair.forward(&nan, 1, y);
    test.Expect(y[0] != y[0], "NaN is not hidden");
  }
}

constexpr TestCase kTests[] = {
    {"gelu_forward", TestForward},
    {"gelu_grad_by_finite_differences", TestGradByFiniteDifferences},
    {"gelu_in_place_far_out_and_nan", TestInPlaceFarOutAndNan},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
