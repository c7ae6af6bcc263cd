// SPDX-License-Identifier: Apache-2.0
// a * b + c with one rounding, the same bits on every target.
#ifndef TFLM_TRAIN_KERNELS_FMA_H_
#define TFLM_TRAIN_KERNELS_FMA_H_

#include <cstdint>
#include <cstring>

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__riscv_flen) || \
    defined(__aarch64__)
#define BIOTRAIN_HARDWARE_FMA 1
#else
#define BIOTRAIN_HARDWARE_FMA 0
#endif

namespace biotrain {

// For hosts without the instruction. The product of two floats is exact in a
// double; the sum is rounded to odd, which the final rounding to float cannot
// tell from the exact sum (a double has more than 24 + 2 bits).
inline float SoftwareFma(float a, float b, float c) {
  const double product = static_cast<double>(a) * static_cast<double>(b);
  const double addend = static_cast<double>(c);
  double sum = product + addend;
  // Knuth's exact error of the addition; NaN when the sum is not finite.
  const double addend_part = sum - product;
  const double error = (product - (sum - addend_part)) + (addend - addend_part);
  if (error < 0.0 || error > 0.0) {
    uint64_t bits;
    std::memcpy(&bits, &sum, sizeof bits);
    if ((bits & 1u) == 0) {
      const bool away_from_zero = (error > 0.0) == (sum > 0.0);
      bits = away_from_zero ? bits + 1 : bits - 1;
      std::memcpy(&sum, &bits, sizeof sum);
    }
  }
  return static_cast<float>(sum);
}

inline float Fma(float a, float b, float c) {
#if BIOTRAIN_HARDWARE_FMA
  return __builtin_fmaf(a, b, c);
#else
  return SoftwareFma(a, b, c);
#endif
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_FMA_H_
