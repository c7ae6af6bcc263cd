// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/gelu.h"

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/math.h"

namespace biotrain {
namespace {

// At a >= 0: the probability of more than a, and the density times a.
struct Tail {
  float beyond;
  float slope;
};

// beyond / exp(-a^2 / 2) as a polynomial in 1 / (1 + 0.28 a), a minimax fit to
// 3e-8 of the probability. converters/gradients/gelu.py has the same numbers.
Tail TailAt(float a) {
  constexpr float kDensityAtZero = 0.3989422804014327f;
  const float t = 1.0f / Fma(0.28f, a, 1.0f);
  float q = -0.10422290861606598f;
  q = Fma(q, t, 0.3835558593273163f);
  q = Fma(q, t, -0.22701065242290497f);
  q = Fma(q, t, 0.2610973119735718f);
  q = Fma(q, t, 0.07052398473024368f);
  q = Fma(q, t, 0.11605643481016159f);
  const float falls = Exp(-0.5f * a * a);
  return {q * t * falls, a * (kDensityAtZero * falls)};
}

struct Argument {
  float tanh;
  float slope;
};

// tanh(sqrt(2 / pi) (x + 0.044715 x^3)), and the derivative of its argument.
Argument ArgumentAt(float x) {
  constexpr float kFirst = 0.7978845608028654f;
  constexpr float kThird = 0.0356774081363001f;
  const float square = x * x;
  return {Tanh(x * Fma(kThird, square, kFirst)),
          Fma(3.0f * kThird, square, kFirst)};
}

}  // namespace

void Gelu(const float* x, int n, float* y) {
  for (int i = 0; i < n; ++i) {
    const float a = __builtin_fabsf(x[i]);
    y[i] = Fma(-a, TailAt(a).beyond, x[i] < 0.0f ? 0.0f : x[i]);
  }
}

void GeluGrad(const float* x, const float* dy, int n, float* dx) {
  for (int i = 0; i < n; ++i) {
    const Tail tail = TailAt(__builtin_fabsf(x[i]));
    const float part = tail.slope - tail.beyond;
    dx[i] = dy[i] * (x[i] < 0.0f ? -part : 1.0f + part);
  }
}

void GeluTanh(const float* x, int n, float* y) {
  for (int i = 0; i < n; ++i) {
    const float half = 0.5f * x[i];
    y[i] = Fma(half, ArgumentAt(x[i]).tanh, half);
  }
}

void GeluTanhGrad(const float* x, const float* dy, int n, float* dx) {
  for (int i = 0; i < n; ++i) {
    const Argument at = ArgumentAt(x[i]);
    const float bend = 0.5f * x[i] * Fma(-at.tanh, at.tanh, 1.0f) * at.slope;
    dx[i] = dy[i] * Fma(0.5f, at.tanh, 0.5f + bend);
  }
}

}  // namespace biotrain
