// SPDX-License-Identifier: Apache-2.0
// Rows of codes times slopes.
#include "tflm_train/kernels/code_registers.h"
#include "tflm_train/kernels/codes_words.h"

namespace biotrain {

#if BIOTRAIN_CODES_BY_WORDS

#define BIOTRAIN_ADD_PAIRS(a, b, c, d, e, f, g, h) \
  BIOTRAIN_ADD(a, 0, 24)                           \
  BIOTRAIN_ADD(b, 1, 25)                           \
  BIOTRAIN_ADD(c, 2, 26)                           \
  BIOTRAIN_ADD(d, 3, 27)                           \
  BIOTRAIN_ADD(e, 4, 28)                           \
  BIOTRAIN_ADD(f, 5, 29) BIOTRAIN_ADD(g, 6, 30) BIOTRAIN_ADD(h, 7, 31)

#define BIOTRAIN_TURNS(load) \
  asm volatile(\
      "vldmia %[sums], {s8-s15}\n"\
      "1:\n\t"\
      load\
      "vldmia %[dy]!, {s24-s31}\n\t"\
      BIOTRAIN_EIGHT_CODES\
      BIOTRAIN_ADD_PAIRS(8, 9, 10, 11, 12, 13, 14, 15)\
      "subs %[turns], %[turns], #1\n\t"\
      "bne 1b\n\t"\
      "vstmia %[sums], {s8-s15}\n\t"\
      : [codes] "+r"(codes), [dy] "+r"(dy), [turns] "+r"(turns)\
      : [sums] "r"(sums)\
      : BIOTRAIN_CODE_REGISTERS)

[[gnu::noinline]] void WordTurns(const int16_t* codes, const float* dy,
                                 int turns, float* sums) {
  if (turns <= 0) return;
  if (IsInWords(codes)) {
    BIOTRAIN_TURNS(BIOTRAIN_NEXT_FOUR_ALIGNED);
  } else {
    BIOTRAIN_TURNS(BIOTRAIN_NEXT_FOUR);
  }
}

#define BIOTRAIN_TURNS_TWICE(load) \
  asm volatile(\
      "vldmia %[sums], {s8-s23}\n"\
      "1:\n\t"\
      load\
      "vldmia %[dy]!, {s24-s31}\n\t"\
      BIOTRAIN_EIGHT_CODES\
      BIOTRAIN_ADD_PAIRS(8, 9, 10, 11, 12, 13, 14, 15)\
      "vldmia %[second]!, {s24-s31}\n\t"\
      BIOTRAIN_ADD_PAIRS(16, 17, 18, 19, 20, 21, 22, 23)\
      "subs %[turns], %[turns], #1\n\t"\
      "bne 1b\n\t"\
      "vstmia %[sums], {s8-s23}\n\t"\
      : [codes] "+r"(codes), [dy] "+r"(dy), [second] "+r"(second),\
        [turns] "+r"(turns)\
      : [sums] "r"(sums)\
      : BIOTRAIN_CODE_REGISTERS)

[[gnu::noinline]] void WordTurnsTwice(const int16_t* codes, const float* dy,
                                      int pitch, int turns, float* sums) {
  if (turns <= 0) return;
  const float* second = dy + pitch;
  if (IsInWords(codes)) {
    BIOTRAIN_TURNS_TWICE(BIOTRAIN_NEXT_FOUR_ALIGNED);
  } else {
    BIOTRAIN_TURNS_TWICE(BIOTRAIN_NEXT_FOUR);
  }
}
#else
void WordTurns(const int16_t*, const float*, int, float*) {}
void WordTurnsTwice(const int16_t*, const float*, int, int, float*) {}
#endif

}  // namespace biotrain
