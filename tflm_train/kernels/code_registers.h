// SPDX-License-Identifier: Apache-2.0
// Instructions that turn codes into floats in the registers of an Arm core with
// scalar floating point: a compiler moves and converts codes one by one. Here
// two of them move at a time, and the lower one of a word is converted where it
// is.
#ifndef TFLM_TRAIN_KERNELS_CODE_REGISTERS_H_
#define TFLM_TRAIN_KERNELS_CODE_REGISTERS_H_

#include <cstdint>

#if defined(__arm__) && defined(__ARM_FP) && !defined(__ARM_FEATURE_MVE)
#define BIOTRAIN_CODES_BY_WORDS 1

namespace biotrain {

inline bool IsInWords(const int16_t* codes) {
  return reinterpret_cast<uintptr_t>(codes) % 4 == 0;
}

}  // namespace biotrain

#define BIOTRAIN_WORD(word, low, high) \
  "asr r4, r" #word                    \
  ", #16\n\t"                          \
  "vmov s" #low ", s" #high ", r" #word ", r4\n\t"

#define BIOTRAIN_FLOAT(a) "vcvt.f32.s16 s" #a ", s" #a ", #0\n\t"

#define BIOTRAIN_ADD(sum, code, w) "vfma.f32 s" #sum ", s" #code ", s" #w "\n\t"

// One by one words need not be aligned.
#define BIOTRAIN_NEXT_FOUR     \
  "ldr r0, [%[codes]], #4\n\t" \
  "ldr r1, [%[codes]], #4\n\t" \
  "ldr r2, [%[codes]], #4\n\t" \
  "ldr r3, [%[codes]], #4\n\t"

#define BIOTRAIN_NEXT_FOUR_ALIGNED "ldmia %[codes]!, {r0, r1, r2, r3}\n\t"

// From r0-r3 to s0-s7.
#define BIOTRAIN_EIGHT_CODES \
  BIOTRAIN_WORD(0, 0, 1)     \
  BIOTRAIN_WORD(1, 2, 3)     \
  BIOTRAIN_WORD(2, 4, 5)     \
  BIOTRAIN_WORD(3, 6, 7)     \
  BIOTRAIN_FLOAT(0)          \
  BIOTRAIN_FLOAT(1)          \
  BIOTRAIN_FLOAT(2)          \
  BIOTRAIN_FLOAT(3)          \
  BIOTRAIN_FLOAT(4) BIOTRAIN_FLOAT(5) BIOTRAIN_FLOAT(6) BIOTRAIN_FLOAT(7)

#define BIOTRAIN_CODE_REGISTERS                                             \
  "r0", "r1", "r2", "r3", "r4", "s0", "s1", "s2", "s3", "s4", "s5", "s6",   \
      "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16",    \
      "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", \
      "s27", "s28", "s29", "s30", "s31", "cc", "memory"

#else
#define BIOTRAIN_CODES_BY_WORDS 0
#endif

#endif  // TFLM_TRAIN_KERNELS_CODE_REGISTERS_H_
