// SPDX-License-Identifier: Apache-2.0
// Elementary functions in float, the same bits on every target: no libm, no
// double, only IEEE operations and Fma. Errors are in math_test.cc. Polynomial
// coefficients are minimax fits of the functions named beside them.
#ifndef TFLM_TRAIN_KERNELS_MATH_H_
#define TFLM_TRAIN_KERNELS_MATH_H_

#include <cstdint>
#include <cstring>

#include "tflm_train/kernels/fma.h"

namespace biotrain {

inline int32_t BitsOf(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float FloatOf(int32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline float Infinity() { return FloatOf(0x7f800000); }

// The instruction, where compiled with -fno-math-errno.
inline float Sqrt(float x) { return __builtin_sqrtf(x); }

// Largest integer <= x. Cortex-M4 has no instruction for it.
inline float Floor(float x) {
  // From 2^23 on every float is an integer; NaN passes as well.
  if (!(x < 8388608.0f && x > -8388608.0f)) return x;
  const float truncated = static_cast<float>(static_cast<int32_t>(x));
  if (truncated > x) return truncated - 1.0f;
  return truncated == 0.0f ? x * 0.0f : truncated;  // keeps the sign of -0
}

// 2^n for -126 <= n <= 127.
inline float PowerOfTwo(int32_t n) { return FloatOf((n + 127) << 23); }

// x = n ln 2 + remainder, |remainder| <= ln(2) / 2, for |x| < 2^20.
struct ExpReduction {
  int32_t n;
  float remainder;
};

inline ExpReduction ReduceExp(float x) {
  constexpr float kLog2E = 1.4426950408889634f;
  constexpr float kLn2High = 0x1.62e4p-1f;
  constexpr float kLn2Low = 1.4286068e-06f;
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  constexpr float kRounder = 12582912.0f;
  const float rounded = Fma(x, kLog2E, kRounder);
  const float n = rounded - kRounder;
  const float remainder = Fma(n, -kLn2Low, Fma(n, -kLn2High, x));
  return {BitsOf(rounded) - BitsOf(kRounder), remainder};
}

// exp(r) - 1 for |r| <= ln(2) / 2.
inline float Expm1Polynomial(float r) {
  // (exp(r) - 1 - r) / r^2
  float q = 0.0013950850116088986f;
  q = Fma(q, r, 0.00836909655481577f);
  q = Fma(q, r, 0.04166620224714279f);
  q = Fma(q, r, 0.16666516661643982f);
  q = Fma(q, r, 0.5f);
  return Fma(q, r * r, r);
}

inline float Exp(float x) {
  if (x != x) return x;
  if (x > 88.722839f) return Infinity();
  if (x < -103.97208f) return 0.0f;
  const ExpReduction e = ReduceExp(x);
  const float mantissa = 1.0f + Expm1Polynomial(e.remainder);
  // In two factors, since 2^n itself may overflow or be subnormal.
  const int32_t half = e.n / 2;
  return mantissa * PowerOfTwo(half) * PowerOfTwo(e.n - half);
}

inline float Expm1(float x) {
  if (x > 80.0f) return Exp(x);
  if (x < -18.0f) return -1.0f;
  if (x != x) return x;
  const ExpReduction e = ReduceExp(x);
  const float p = Expm1Polynomial(e.remainder);
  if (e.n == 0) return p;
  const float scale = PowerOfTwo(e.n);
  return Fma(scale, p, scale - 1.0f);
}

// x from 0 on, and Expm1(x) below: what decides is looked up in the bits, since
// comparisons of floats are slow.
inline float EluOf(float x) {
  constexpr uint32_t kNegativeZero = 0x80000000u;
  constexpr uint32_t kMinus18 = 0xc1900000u;
  const uint32_t bits = static_cast<uint32_t>(BitsOf(x));
  if (bits <= kNegativeZero) return x;
  if (bits > kMinus18) return x < 0.0f ? -1.0f : x;  // far below; no number
  const ExpReduction e = ReduceExp(x);
  const float scale = PowerOfTwo(e.n);
  return Fma(scale, Expm1Polynomial(e.remainder), scale - 1.0f);
}

inline float Log(float x) {
  if (x != x) return x;
  if (x <= 0.0f) return x == 0.0f ? -Infinity() : Infinity() - Infinity();
  if (x == Infinity()) return x;
  int32_t exponent = 0;
  if (x < 0x1p-126f) {
    x *= 0x1p23f;
    exponent = -23;
  }
  // Mantissa in [sqrt(1/2), sqrt(2)).
  constexpr int32_t kSqrtHalfBits = 0x3f3504f3;
  const int32_t shifted = BitsOf(x) - kSqrtHalfBits;
  exponent += shifted >> 23;
  const float f = FloatOf((shifted & 0x007fffff) + kSqrtHalfBits) - 1.0f;
  // (log(1 + f) - f + f^2 / 2) / f^3
  float q = 0.06915653496980667f;
  q = Fma(q, f, -0.1179412230849266f);
  q = Fma(q, f, 0.11875065416097641f);
  q = Fma(q, f, -0.12383794039487839f);
  q = Fma(q, f, 0.14218327403068542f);
  q = Fma(q, f, -0.16669270396232605f);
  q = Fma(q, f, 0.20002242922782898f);
  q = Fma(q, f, -0.24999986588954926f);
  q = Fma(q, f, 0.3333331048488617f);
  constexpr float kLn2High = 0x1.62e4p-1f;
  constexpr float kLn2Low = 1.4286068e-06f;
  const float n = static_cast<float>(exponent);
  const float square = f * f;
  const float tail = Fma(q, f * square, n * kLn2Low);
  return Fma(n, kLn2High, f + Fma(-0.5f, square, tail));
}

inline float Tanh(float x) {
  const float magnitude = x < 0.0f ? -x : x;
  if (magnitude < 0.6f) {
    // (tanh(x) - x) / x^3 in x^2
    const float z = x * x;
    float q = -0.00590586569160223f;
    q = Fma(q, z, 0.02080538310110569f);
    q = Fma(q, z, -0.053786683827638626f);
    q = Fma(q, z, 0.13331958651542664f);
    q = Fma(q, z, -0.33333298563957214f);
    return Fma(q * z, x, x);
  }
  const float t = 1.0f - 2.0f / (Exp(2.0f * magnitude) + 1.0f);
  return x < 0.0f ? -t : t;
}

// 1 / (1 + exp(-x)), whose exponential never overflows.
inline float Logistic(float x) {
  if (x < 0.0f) {
    const float e = Exp(x);
    return e / (1.0f + e);
  }
  return 1.0f / (1.0f + Exp(-x));
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_MATH_H_
