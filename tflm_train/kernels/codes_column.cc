// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/codes_column.h"

#include "tflm_train/kernels/correlate.h"
#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/repeat.h"

namespace biotrain {
namespace {

constexpr int kLanes = 8;

// Some neighbouring columns of codes: rows are `width` codes apart.
struct Columns {
  const int16_t* at;
  int width;
  int rows;
};

// sums[filter][lane], over the rows of w[filter], which are `rows` apart.
template <int kFilters>
void SumRows(const Columns& columns, const float* w, float* sums) {
  float sum[kFilters * kLanes] = {};
  const int16_t* from = columns.at;
  for (int row = 0; row < columns.rows; ++row, ++w, from += columns.width) {
    Repeat<kLanes>([&](auto lane) BIOTRAIN_INLINE {
      const float code = static_cast<float>(from[lane]);
      Repeat<kFilters>([&](auto n) BIOTRAIN_INLINE {
        float& to = sum[n * kLanes + lane];
        to = Fma(code, w[n * columns.rows], to);
      });
    });
  }
  for (int i = 0; i < kFilters * kLanes; ++i) sums[i] = sum[i];
}

// sums[lane] += codes[turn][lane] * dy[turn][lane]
void SumTurns(const int16_t* codes, const float* dy, int turns, float* sums) {
  float sum[kLanes];
  Repeat<kLanes>([&](auto lane) BIOTRAIN_INLINE { sum[lane] = sums[lane]; });
  for (; turns > 0; --turns, codes += kLanes, dy += kLanes) {
    Repeat<kLanes>([&](auto lane) BIOTRAIN_INLINE {
      sum[lane] = Fma(static_cast<float>(codes[lane]), dy[lane], sum[lane]);
    });
  }
  Repeat<kLanes>([&](auto lane) BIOTRAIN_INLINE { sums[lane] = sum[lane]; });
}

#if defined(__arm__) && defined(__ARM_FP) && !defined(__ARM_FEATURE_MVE)
// A compiler moves and converts codes one by one. Here two of them move at a
// time, and the lower one of a word is converted where it is.
constexpr bool kByWords = true;

#define BIOTRAIN_EIGHT_CODES    \
  "asr r4, r0, #16\n\t"         \
  "vmov s0, s1, r0, r4\n\t"     \
  "asr r4, r1, #16\n\t"         \
  "vmov s2, s3, r1, r4\n\t"     \
  "asr r4, r2, #16\n\t"         \
  "vmov s4, s5, r2, r4\n\t"     \
  "asr r4, r3, #16\n\t"         \
  "vmov s6, s7, r3, r4\n\t"     \
  "vcvt.f32.s16 s0, s0, #0\n\t" \
  "vcvt.f32.s16 s1, s1, #0\n\t" \
  "vcvt.f32.s16 s2, s2, #0\n\t" \
  "vcvt.f32.s16 s3, s3, #0\n\t" \
  "vcvt.f32.s16 s4, s4, #0\n\t" \
  "vcvt.f32.s16 s5, s5, #0\n\t" \
  "vcvt.f32.s16 s6, s6, #0\n\t" \
  "vcvt.f32.s16 s7, s7, #0\n\t"

#define BIOTRAIN_ADD_EIGHT(w, a, b, c, d, e, f, g, h) \
  "vfma.f32 s" #a ", s0, " w                          \
  "\n\t"                                              \
  "vfma.f32 s" #b ", s1, " w                          \
  "\n\t"                                              \
  "vfma.f32 s" #c ", s2, " w                          \
  "\n\t"                                              \
  "vfma.f32 s" #d ", s3, " w                          \
  "\n\t"                                              \
  "vfma.f32 s" #e ", s4, " w                          \
  "\n\t"                                              \
  "vfma.f32 s" #f ", s5, " w                          \
  "\n\t"                                              \
  "vfma.f32 s" #g ", s6, " w                          \
  "\n\t"                                              \
  "vfma.f32 s" #h ", s7, " w "\n\t"

#define BIOTRAIN_CODE_REGISTERS                                           \
  "r0", "r1", "r2", "r3", "r4", "s0", "s1", "s2", "s3", "s4", "s5", "s6", \
      "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16",  \
      "s17", "s18", "s19", "s20", "s21", "s22", "s23", "cc", "memory"

[[gnu::noinline]] void SumWordRows(const Columns& columns, const float* w,
                                   float* sums) {
  const int16_t* from = columns.at;
  int rows = columns.rows;
  for (int i = 0; i < kLanes; ++i) sums[i] = 0.0f;
  asm volatile(
      "vldmia %[sums], {s8-s15}\n"
      "1:\n\t"
      "ldmia %[from], {r0, r1, r2, r3}\n\t"
      "add %[from], %[from], %[pitch]\n\t"
      "vldmia %[w]!, {s16}\n\t"
      BIOTRAIN_EIGHT_CODES
      BIOTRAIN_ADD_EIGHT("s16", 8, 9, 10, 11, 12, 13, 14, 15)
      "subs %[rows], %[rows], #1\n\t"
      "bne 1b\n\t"
      "vstmia %[sums], {s8-s15}\n\t"
      : [from] "+r"(from), [w] "+r"(w), [rows] "+r"(rows)
      : [sums] "r"(sums), [pitch] "r"(2 * columns.width)
      : BIOTRAIN_CODE_REGISTERS);
}

[[gnu::noinline]] void SumWordRowsTwice(const Columns& columns, const float* w,
                                        float* sums) {
  const int16_t* from = columns.at;
  const float* second = w + columns.rows;
  int rows = columns.rows;
  for (int i = 0; i < 2 * kLanes; ++i) sums[i] = 0.0f;
  asm volatile(
      "vldmia %[sums], {s8-s23}\n"
      "1:\n\t"
      "ldmia %[from], {r0, r1, r2, r3}\n\t"
      "add %[from], %[from], %[pitch]\n\t"
      "vldmia %[w]!, {s24}\n\t"
      "vldmia %[second]!, {s25}\n\t"
      BIOTRAIN_EIGHT_CODES
      BIOTRAIN_ADD_EIGHT("s24", 8, 9, 10, 11, 12, 13, 14, 15)
      BIOTRAIN_ADD_EIGHT("s25", 16, 17, 18, 19, 20, 21, 22, 23)
      "subs %[rows], %[rows], #1\n\t"
      "bne 1b\n\t"
      "vstmia %[sums], {s8-s23}\n\t"
      : [from] "+r"(from), [w] "+r"(w), [second] "+r"(second),
        [rows] "+r"(rows)
      : [sums] "r"(sums), [pitch] "r"(2 * columns.width)
      : "s24", "s25", BIOTRAIN_CODE_REGISTERS);
}

[[gnu::noinline]] void SumWordTurns(const int16_t* codes, const float* dy,
                                    int turns, float* sums) {
  if (turns <= 0) return;
  asm volatile(
      "vldmia %[sums], {s8-s15}\n"
      "1:\n\t"
      "ldmia %[codes]!, {r0, r1, r2, r3}\n\t"
      "vldmia %[dy]!, {s16-s23}\n\t" BIOTRAIN_EIGHT_CODES
      "vfma.f32 s8, s0, s16\n\t"
      "vfma.f32 s9, s1, s17\n\t"
      "vfma.f32 s10, s2, s18\n\t"
      "vfma.f32 s11, s3, s19\n\t"
      "vfma.f32 s12, s4, s20\n\t"
      "vfma.f32 s13, s5, s21\n\t"
      "vfma.f32 s14, s6, s22\n\t"
      "vfma.f32 s15, s7, s23\n\t"
      "subs %[turns], %[turns], #1\n\t"
      "bne 1b\n\t"
      "vstmia %[sums], {s8-s15}\n\t"
      : [codes] "+r"(codes), [dy] "+r"(dy), [turns] "+r"(turns)
      : [sums] "r"(sums)
      : BIOTRAIN_CODE_REGISTERS);
}
#else
constexpr bool kByWords = false;

void SumWordRows(const Columns&, const float*, float*) {}
void SumWordRowsTwice(const Columns&, const float*, float*) {}
void SumWordTurns(const int16_t*, const float*, int, float*) {}
#endif

bool IsInWords(const int16_t* codes, int width) {
  return kByWords && width % 2 == 0 &&
         reinterpret_cast<uintptr_t>(codes) % 4 == 0;
}

void SumFilters(const Columns& columns, const float* w, bool two, float* sums) {
  const bool words = IsInWords(columns.at, columns.width);
  if (two) {
    words ? SumWordRowsTwice(columns, w, sums) : SumRows<2>(columns, w, sums);
  } else {
    words ? SumWordRows(columns, w, sums) : SumRows<1>(columns, w, sums);
  }
}

float GradOfTap(const int16_t* codes, const float* dy, int width, bool words) {
  float sums[kLanes] = {};
  const int turns = width / kLanes;
  words ? SumWordTurns(codes, dy, turns, sums)
        : SumTurns(codes, dy, turns, sums);
  for (int i = turns * kLanes; i < width; ++i) {
    float& sum = sums[i - turns * kLanes];
    sum = Fma(static_cast<float>(codes[i]), dy[i], sum);
  }
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
         ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

}  // namespace

bool IsColumnOfCodes(const ConvGeometry& g) {
  return g.batch == 1 && g.in_c == 1 && g.out_h == 1 && g.filter_w == 1 &&
         g.stride_w == 1 && g.filter_h == g.in_h && g.pad_top == 0 &&
         g.dilation_h == 1 && g.out_w == g.in_w && g.out_w >= kLanes;
}

void ColumnOfCodes(const ConvGeometry& g, const int16_t* codes, float scale,
                   const float* w, const float* bias, Activation activation,
                   float* y) {
  const int width = g.out_w;
  for (int n = 0; n < g.out_c;) {
    const bool two = n + 2 <= g.out_c;
    for (int column = 0; column < width; column += kLanes) {
      // The last ones once more, where they are not a multiple; two codes are
      // a word.
      const int first = column + kLanes <= width ? column : width - kLanes;
      float sums[2 * kLanes];
      SumFilters({codes + first, width, g.in_h}, w + n * g.in_h, two, sums);
      for (int k = 0; k < (two ? 2 : 1); ++k) {
        float* const to = y + (n + k) * width + first;
        const float* const from = sums + k * kLanes;
        Repeat<kLanes>([&](auto lane)
                           BIOTRAIN_INLINE { to[lane] = from[lane] * scale; });
      }
    }
    n += two ? 2 : 1;
  }
  Finish({y, 1, width}, width, g.out_c, bias, activation);
}

void ColumnOfCodesGradFilter(const ConvGeometry& g, const int16_t* codes,
                             float scale, const float* dy, float* dw) {
  const bool words = IsInWords(codes, g.in_w);
  for (int n = 0; n < g.out_c; ++n) {
    for (int row = 0; row < g.in_h; ++row) {
      *dw++ = scale *
              GradOfTap(codes + row * g.in_w, dy + n * g.out_w, g.in_w, words);
    }
  }
}

}  // namespace biotrain
