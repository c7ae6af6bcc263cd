// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/from_codes.h"

#include "tflm_train/kernels/code_registers.h"
#include "tflm_train/kernels/repeat.h"

namespace biotrain {
namespace {

#if BIOTRAIN_CODES_BY_WORDS
constexpr int kAtOnce = 8;

#define BIOTRAIN_TIMES(a) "vmul.f32 s" #a ", s" #a ", %[scale]\n\t"
#define BIOTRAIN_TIMES_SCALE \
  BIOTRAIN_TIMES(0)          \
  BIOTRAIN_TIMES(1)          \
  BIOTRAIN_TIMES(2)          \
  BIOTRAIN_TIMES(3)          \
  BIOTRAIN_TIMES(4)          \
  BIOTRAIN_TIMES(5) BIOTRAIN_TIMES(6) BIOTRAIN_TIMES(7)

#define BIOTRAIN_CONVERT(then)                                               \
  asm volatile(BIOTRAIN_NEXT_FOUR_ALIGNED BIOTRAIN_EIGHT_CODES then          \
               "vstmia %[to]!, {s0-s7}\n\t"                                  \
               : [codes] "+r"(from), [to] "+r"(to)                           \
               : [scale] "t"(scale)                                          \
               : "r0", "r1", "r2", "r3", "r4", "s0", "s1", "s2", "s3", "s4", \
                 "s5", "s6", "s7", "memory")

// to[i] = scale from[i]
template <bool kScaled>
void Convert(const int16_t* from, int count, float scale, float* to) {
  if (count > 0 && !IsInWords(from)) {
    *to++ = static_cast<float>(*from++) * scale;
    --count;
  }
  for (; count >= kAtOnce; count -= kAtOnce) {
    if constexpr (kScaled) {
      BIOTRAIN_CONVERT(BIOTRAIN_TIMES_SCALE);
    } else {
      BIOTRAIN_CONVERT("");
    }
  }
  for (; count > 0; --count) *to++ = static_cast<float>(*from++) * scale;
}
#else
template <bool kScaled>
void Convert(const int16_t* from, int count, float scale, float* to) {
  ForEachElement(count, [&](int i) BIOTRAIN_INLINE {
    to[i] = static_cast<float>(from[i]) * (kScaled ? scale : 1.0f);
  });
}
#endif

}  // namespace

void FloatsOfCodes(const int16_t* line, int width, int first, int count,
                   float* to) {
  const int end = first + count;
  for (; first < 0 && first < end; ++first) *to++ = 0.0f;
  const int inside = (end < width ? end : width) - first;
  if (inside > 0) {
    Convert<false>(line + first, inside, 1.0f, to);
    first += inside;
    to += inside;
  }
  for (; first < end; ++first) *to++ = 0.0f;
}

void Dequantise(const int16_t* x, int n, float scale, float* y) {
  Convert<true>(x, n, scale, y);
}

}  // namespace biotrain
