// SPDX-License-Identifier: Apache-2.0
// The largest and smallest of a short row, and where a value stands in it.
#ifndef TFLM_TRAIN_KERNELS_PEAK_H_
#define TFLM_TRAIN_KERNELS_PEAK_H_

#include "tflm_train/kernels/repeat.h"

// Cortex-M from FPv5 on: GCC has no macro for it, and only the FPv5 of the
// seventh architecture has doubles.
#if defined(__ARM_FEATURE_FMA) && __ARM_ARCH_PROFILE == 'M' && \
    (__ARM_ARCH >= 8 || (__ARM_FP & 8) != 0)
#define BIOTRAIN_HARDWARE_MAX 1
#else
#define BIOTRAIN_HARDWARE_MAX 0
#endif

namespace biotrain {

// One of two numbers. Of zeros with different signs, and of a number and a NaN,
// targets may choose differently: callers must not let it show.
inline float Larger(float a, float b) {
#if BIOTRAIN_HARDWARE_MAX
  return __builtin_fmaxf(a, b);
#else
  return a > b ? a : b;
#endif
}

inline float Smaller(float a, float b) {
#if BIOTRAIN_HARDWARE_MAX
  return __builtin_fminf(a, b);
#else
  return a < b ? a : b;
#endif
}

// The first place of a value in a row x [n]; n if it is nowhere.
inline int FindIn(const float* x, int n, float value) {
  int i = 0;
  for (; i + 4 <= n; i += 4) {
    if (x[i] == value) return i;
    if (x[i + 1] == value) return i + 1;
    if (x[i + 2] == value) return i + 2;
    if (x[i + 3] == value) return i + 3;
  }
  while (i < n && x[i] != value) ++i;
  return i;
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_PEAK_H_
