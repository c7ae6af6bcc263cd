// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/from_codes.h"

#include "tflm_train/kernels/repeat.h"

namespace biotrain {
namespace {

#if defined(__arm__) && defined(__ARM_FP) && !defined(__ARM_FEATURE_MVE)
constexpr int kAtOnce = 8;

// A compiler moves and converts codes one by one. Here two of them move at a
// time, and the lower one of a word is converted where it is.
void Convert(const int16_t* from, int count, float* to) {
  if (count > 0 && reinterpret_cast<uintptr_t>(from) % 4 != 0) {
    *to++ = static_cast<float>(*from++);
    --count;
  }
  for (; count >= kAtOnce; count -= kAtOnce) {
    asm volatile(
        "ldmia %[from]!, {r0, r1, r2, r3}\n\t"
        "asr r4, r0, #16\n\t"
        "vmov s0, s1, r0, r4\n\t"
        "asr r4, r1, #16\n\t"
        "vmov s2, s3, r1, r4\n\t"
        "asr r4, r2, #16\n\t"
        "vmov s4, s5, r2, r4\n\t"
        "asr r4, r3, #16\n\t"
        "vmov s6, s7, r3, r4\n\t"
        "vcvt.f32.s16 s0, s0, #0\n\t"
        "vcvt.f32.s16 s1, s1, #0\n\t"
        "vcvt.f32.s16 s2, s2, #0\n\t"
        "vcvt.f32.s16 s3, s3, #0\n\t"
        "vcvt.f32.s16 s4, s4, #0\n\t"
        "vcvt.f32.s16 s5, s5, #0\n\t"
        "vcvt.f32.s16 s6, s6, #0\n\t"
        "vcvt.f32.s16 s7, s7, #0\n\t"
        "vstmia %[to]!, {s0-s7}\n\t"
        : [from] "+r"(from), [to] "+r"(to)
        :
        : "r0", "r1", "r2", "r3", "r4", "s0", "s1", "s2", "s3", "s4", "s5",
          "s6", "s7", "memory");
  }
  for (; count > 0; --count) *to++ = static_cast<float>(*from++);
}
#else
void Convert(const int16_t* from, int count, float* to) {
  ForEachElement(count, [&](int i) BIOTRAIN_INLINE {
    to[i] = static_cast<float>(from[i]);
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
    Convert(line + first, inside, to);
    first += inside;
    to += inside;
  }
  for (; first < end; ++first) *to++ = 0.0f;
}

}  // namespace biotrain
