// SPDX-License-Identifier: Apache-2.0
// Columns of codes times filters.
#include "tflm_train/kernels/code_registers.h"
#include "tflm_train/kernels/codes_words.h"

namespace biotrain {

#if BIOTRAIN_CODES_BY_WORDS
namespace {

constexpr float kZeros[24] = {};

// What a loop does not need in registers.
struct Rest {
  const float* zeros;
  float scale;
  float* y;
  int pitch;  // bytes
};

bool IsAligned(const CodeRows& codes) {
  return codes.width % 2 == 0 && IsInWords(codes.at);
}

}  // namespace

#define BIOTRAIN_MUL(a) "vmul.f32 s" #a ", s" #a ", s30\n\t"

// Every other line of an odd number of codes is not aligned.
#define BIOTRAIN_LOAD_ALIGNED(range) "ldmia %[from], {" range "}\n\t"
#define BIOTRAIN_LOAD_THREE   \
  "ldr r0, [%[from]]\n\t"     \
  "ldr r1, [%[from], #4]\n\t" \
  "ldr r2, [%[from], #8]\n\t"
#define BIOTRAIN_LOAD_FOUR BIOTRAIN_LOAD_THREE "ldr r3, [%[from], #12]\n\t"

#define BIOTRAIN_ADD_EIGHT(w, a, b, c, d, e, f, g, h) \
  BIOTRAIN_ADD(a, 0, w)                               \
  BIOTRAIN_ADD(b, 1, w)                               \
  BIOTRAIN_ADD(c, 2, w)                               \
  BIOTRAIN_ADD(d, 3, w)                               \
  BIOTRAIN_ADD(e, 4, w)                               \
  BIOTRAIN_ADD(f, 5, w) BIOTRAIN_ADD(g, 6, w) BIOTRAIN_ADD(h, 7, w)

#define BIOTRAIN_ADD_SIX(w, a, b, c, d, e, f) \
  BIOTRAIN_ADD(a, 24, w)                      \
  BIOTRAIN_ADD(b, 25, w)                      \
  BIOTRAIN_ADD(c, 26, w)                      \
  BIOTRAIN_ADD(d, 27, w) BIOTRAIN_ADD(e, 28, w) BIOTRAIN_ADD(f, 29, w)

#define BIOTRAIN_MUL_EIGHT(a, b, c, d, e, f, g, h) \
  BIOTRAIN_MUL(a)                                  \
  BIOTRAIN_MUL(b)                                  \
  BIOTRAIN_MUL(c)                                  \
  BIOTRAIN_MUL(d)                                  \
  BIOTRAIN_MUL(e) BIOTRAIN_MUL(f) BIOTRAIN_MUL(g) BIOTRAIN_MUL(h)

// Of Rest.
#define BIOTRAIN_ZEROS "ldr r0, [%[rest]]\n\t"
#define BIOTRAIN_SCALE "vldr s30, [%[rest], #4]\n\t"
#define BIOTRAIN_Y            \
  "ldr r0, [%[rest], #8]\n\t" \
  "ldr r1, [%[rest], #12]\n\t"
#define BIOTRAIN_STORE(range) "vstmia r0, {" range "}\n\t"
#define BIOTRAIN_NEXT_LINE "add r0, r0, r1\n\t"

#define BIOTRAIN_ROWS(load) \
  asm volatile(\
      BIOTRAIN_ZEROS\
      "vldmia r0, {s8-s15}\n"\
      "1:\n\t"\
      load\
      "add %[from], %[from], %[pitch]\n\t"\
      "vldmia %[w]!, {s24}\n\t"\
      BIOTRAIN_EIGHT_CODES\
      BIOTRAIN_ADD_EIGHT(24, 8, 9, 10, 11, 12, 13, 14, 15)\
      "subs %[rows], %[rows], #1\n\t"\
      "bne 1b\n\t"\
      BIOTRAIN_SCALE\
      BIOTRAIN_MUL_EIGHT(8, 9, 10, 11, 12, 13, 14, 15)\
      BIOTRAIN_Y\
      BIOTRAIN_STORE("s8-s15")\
      : [from] "+r"(from), [w] "+r"(w), [rows] "+r"(rows)\
      : [rest] "r"(&rest), [pitch] "r"(2 * codes.width)\
      : BIOTRAIN_CODE_REGISTERS)

[[gnu::noinline]] void WordRows(const CodeRows& codes, const float* w,
                                float scale, float* y) {
  const int16_t* from = codes.at;
  int rows = codes.rows;
  const Rest rest = {kZeros, scale, y, 4 * codes.width};
  if (IsAligned(codes)) {
    BIOTRAIN_ROWS(BIOTRAIN_LOAD_ALIGNED("r0, r1, r2, r3"));
  } else {
    BIOTRAIN_ROWS(BIOTRAIN_LOAD_FOUR);
  }
}

#define BIOTRAIN_ROWS_TWICE(load) \
  asm volatile(\
      BIOTRAIN_ZEROS\
      "vldmia r0, {s8-s23}\n"\
      "1:\n\t"\
      load\
      "add %[from], %[from], %[pitch]\n\t"\
      "vldmia %[w]!, {s24}\n\t"\
      "vldmia %[second]!, {s25}\n\t"\
      BIOTRAIN_EIGHT_CODES\
      BIOTRAIN_ADD_EIGHT(24, 8, 9, 10, 11, 12, 13, 14, 15)\
      BIOTRAIN_ADD_EIGHT(25, 16, 17, 18, 19, 20, 21, 22, 23)\
      "subs %[rows], %[rows], #1\n\t"\
      "bne 1b\n\t"\
      BIOTRAIN_SCALE\
      BIOTRAIN_MUL_EIGHT(8, 9, 10, 11, 12, 13, 14, 15)\
      BIOTRAIN_MUL_EIGHT(16, 17, 18, 19, 20, 21, 22, 23)\
      BIOTRAIN_Y\
      BIOTRAIN_STORE("s8-s15") BIOTRAIN_NEXT_LINE\
      BIOTRAIN_STORE("s16-s23")\
      : [from] "+r"(from), [w] "+r"(w), [second] "+r"(second),\
        [rows] "+r"(rows)\
      : [rest] "r"(&rest), [pitch] "r"(2 * codes.width)\
      : BIOTRAIN_CODE_REGISTERS)

[[gnu::noinline]] void WordRowsTwice(const CodeRows& codes, const float* w,
                                     float scale, float* y) {
  const int16_t* from = codes.at;
  const float* second = w + codes.rows;
  int rows = codes.rows;
  const Rest rest = {kZeros, scale, y, 4 * codes.width};
  if (IsAligned(codes)) {
    BIOTRAIN_ROWS_TWICE(BIOTRAIN_LOAD_ALIGNED("r0, r1, r2, r3"));
  } else {
    BIOTRAIN_ROWS_TWICE(BIOTRAIN_LOAD_FOUR);
  }
}

// Six codes and two filters fit beside the sums.
#define BIOTRAIN_ROWS_FOUR(load) \
  asm volatile(\
      BIOTRAIN_ZEROS\
      "vldmia r0, {s0-s23}\n"\
      "1:\n\t"\
      load\
      "add %[from], %[from], %[pitch]\n\t"\
      "vldmia %[w]!, {s30}\n\t"\
      "vldmia %[second]!, {s31}\n\t"\
      BIOTRAIN_WORD(0, 24, 25) BIOTRAIN_WORD(1, 26, 27)\
      BIOTRAIN_WORD(2, 28, 29)\
      BIOTRAIN_FLOAT(24) BIOTRAIN_FLOAT(25) BIOTRAIN_FLOAT(26)\
      BIOTRAIN_FLOAT(27) BIOTRAIN_FLOAT(28) BIOTRAIN_FLOAT(29)\
      BIOTRAIN_ADD_SIX(30, 0, 1, 2, 3, 4, 5)\
      "vldmia %[third]!, {s30}\n\t"\
      BIOTRAIN_ADD_SIX(31, 6, 7, 8, 9, 10, 11)\
      "vldmia %[fourth]!, {s31}\n\t"\
      BIOTRAIN_ADD_SIX(30, 12, 13, 14, 15, 16, 17)\
      BIOTRAIN_ADD_SIX(31, 18, 19, 20, 21, 22, 23)\
      "subs %[rows], %[rows], #1\n\t"\
      "bne 1b\n\t"\
      BIOTRAIN_SCALE\
      BIOTRAIN_MUL_EIGHT(0, 1, 2, 3, 4, 5, 6, 7)\
      BIOTRAIN_MUL_EIGHT(8, 9, 10, 11, 12, 13, 14, 15)\
      BIOTRAIN_MUL_EIGHT(16, 17, 18, 19, 20, 21, 22, 23)\
      BIOTRAIN_Y\
      BIOTRAIN_STORE("s0-s5") BIOTRAIN_NEXT_LINE\
      BIOTRAIN_STORE("s6-s11") BIOTRAIN_NEXT_LINE\
      BIOTRAIN_STORE("s12-s17") BIOTRAIN_NEXT_LINE\
      BIOTRAIN_STORE("s18-s23")\
      : [from] "+r"(from), [w] "+r"(w), [second] "+r"(second),\
        [third] "+r"(third), [fourth] "+r"(fourth), [rows] "+r"(rows)\
      : [rest] "r"(&rest), [pitch] "r"(2 * codes.width)\
      : BIOTRAIN_CODE_REGISTERS)

[[gnu::noinline]] void WordRowsFour(const CodeRows& codes, const float* w,
                                    float scale, float* y) {
  const int16_t* from = codes.at;
  const float* second = w + codes.rows;
  const float* third = second + codes.rows;
  const float* fourth = third + codes.rows;
  int rows = codes.rows;
  const Rest rest = {kZeros, scale, y, 4 * codes.width};
  if (IsAligned(codes)) {
    BIOTRAIN_ROWS_FOUR(BIOTRAIN_LOAD_ALIGNED("r0, r1, r2"));
  } else {
    BIOTRAIN_ROWS_FOUR(BIOTRAIN_LOAD_THREE);
  }
}

#else
void WordRows(const CodeRows&, const float*, float, float*) {}
void WordRowsTwice(const CodeRows&, const float*, float, float*) {}
void WordRowsFour(const CodeRows&, const float*, float, float*) {}
#endif

}  // namespace biotrain
