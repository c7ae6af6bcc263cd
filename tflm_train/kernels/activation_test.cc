// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/activation.h"

#include <cmath>

#include "tflm_train/kernels/elementwise.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

constexpr float kAlpha = 0.2f;
constexpr int kSize = 500;

// An activation, its gradient (from y, or from x for LeakyRelu) and what it
// ought to be.
struct Pair {
  const char* name;
  void (*forward)(const float* x, int n, float* y);
  void (*grad)(const float* y, const float* dy, int n, float* dx);
  bool grad_from_input;
  double (*oracle)(double);
};

double OracleRelu(double x) { return x > 0.0 ? x : 0.0; }
double OracleRelu6(double x) { return x > 6.0 ? 6.0 : OracleRelu(x); }
double OracleElu(double x) { return x < 0.0 ? std::expm1(x) : x; }
double OracleSigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double OracleLeaky(double x) {
  return x > 0.0 ? x : static_cast<double>(kAlpha) * x;
}
double OracleSquare(double x) { return x * x; }
void Square(const float* x, int n, float* y) {
  Unary(UnaryOp::kSquare, x, n, y);
}
void Leaky(const float* x, int n, float* y) { LeakyRelu(x, n, kAlpha, y); }
void LeakyGrad(const float* x, const float* dy, int n, float* dx) {
  LeakyReluGrad(x, dy, n, kAlpha, dx);
}

constexpr Pair kPairs[] = {
    {"relu", Relu, ReluGrad, false, OracleRelu},
    {"relu6", Relu6, Relu6Grad, false, OracleRelu6},
    {"elu", Elu, EluGrad, false, OracleElu},
    {"leaky_relu", Leaky, LeakyGrad, true, OracleLeaky},
    {"tanh", TanhForward, TanhGrad, false, std::tanh},
    {"sigmoid", Sigmoid, SigmoidGrad, false, OracleSigmoid},
    {"square", Square, SquareGrad, true, OracleSquare},
};

float x[kSize], dy[kSize];
double want[kSize];

void MakeInputs() {
  TestRandom random(8);
  random.Fill(x, kSize);
  random.Fill(dy, kSize);
  for (float& value : x) value *= 8.0f;
}

void TestForward(TestContext& test) {
  MakeInputs();
  for (const Pair& pair : kPairs) {
    GuardedArray<kSize> y(kSize);
    pair.forward(x, kSize, y.data());
    for (int i = 0; i < kSize; ++i) {
      want[i] = pair.oracle(static_cast<double>(x[i]));
    }
    test.ExpectNear(y.data(), want, kSize, tolerance::kActivation, pair.name);
    y.ExpectIntact(test);
    pair.forward(y.data(), 0, y.data());
    y.ExpectIntact(test);
  }
}

// No x of MakeInputs lies within a step of a kink.
void TestGradByFiniteDifferences(TestContext& test) {
  constexpr double kStep = 1e-6;
  MakeInputs();
  for (const Pair& pair : kPairs) {
    GuardedArray<kSize> y(kSize), dx(kSize);
    pair.forward(x, kSize, y.data());
    pair.grad(pair.grad_from_input ? x : y.data(), dy, kSize, dx.data());
    for (int i = 0; i < kSize; ++i) {
      const double at = static_cast<double>(x[i]);
      const double rise = pair.oracle(at + kStep) - pair.oracle(at - kStep);
      want[i] = rise / (2.0 * kStep) * static_cast<double>(dy[i]);
    }
    test.ExpectNear(dx.data(), want, kSize, tolerance::kActivation, pair.name);
    dx.ExpectIntact(test);
  }
}

void TestInPlace(TestContext& test) {
  MakeInputs();
  for (const Pair& pair : kPairs) {
    float y[kSize], dx[kSize], buffer[kSize];
    pair.forward(x, kSize, y);
    for (int i = 0; i < kSize; ++i) buffer[i] = x[i];
    pair.forward(buffer, kSize, buffer);
    test.ExpectSameBits(buffer, y, kSize, pair.name);
    const float* saved = pair.grad_from_input ? x : y;
    pair.grad(saved, dy, kSize, dx);
    for (int i = 0; i < kSize; ++i) buffer[i] = dy[i];
    pair.grad(saved, buffer, kSize, buffer);
    test.ExpectSameBits(buffer, dx, kSize, pair.name);
    for (int i = 0; i < kSize; ++i) buffer[i] = saved[i];
    pair.grad(buffer, dy, kSize, buffer);
    test.ExpectSameBits(buffer, dx, kSize, pair.name);
  }
}

void TestNanPasses(TestContext& test) {
  const float nan = __builtin_nanf("");
  for (const Pair& pair : kPairs) {
    float y = 0.0f;
    pair.forward(&nan, 1, &y);
    test.Expect(y != y, pair.name);
  }
}

constexpr TestCase kTests[] = {
    {"activation_forward", TestForward},
    {"activation_grad", TestGradByFiniteDifferences},
    {"activation_in_place", TestInPlace},
    {"activation_nan", TestNanPasses},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
