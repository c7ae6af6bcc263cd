// SPDX-License-Identifier: Apache-2.0
// Sums over rows of int16 codes, of which two move as a word, on cores with
// scalar floating point: a compiler moves and converts codes one by one.
#ifndef TFLM_TRAIN_KERNELS_CODES_WORDS_H_
#define TFLM_TRAIN_KERNELS_CODES_WORDS_H_

#include <cstdint>

#include "tflm_train/kernels/code_registers.h"

namespace biotrain {

constexpr bool kCodesByWords = BIOTRAIN_CODES_BY_WORDS != 0;

// Rows of codes are `width` apart.
struct CodeRows {
  const int16_t* at;
  int width;
  int rows;
};

// y[n][lane] = scale sum over rows of at[row][lane] w[n][row]: so many filters
// n, and lanes, at a time. Lines of y are `width` apart.
constexpr int kWordLanes = 8;      // of one and of two filters
constexpr int kWordLanesFour = 6;  // of four
void WordRows(const CodeRows& codes, const float* w, float scale, float* y);
void WordRowsTwice(const CodeRows& codes, const float* w, float scale,
                   float* y);
void WordRowsFour(const CodeRows& codes, const float* w, float scale, float* y);

// sums[n][lane] += codes[turn][lane] dy[n][turn][lane], of kWordLanes lanes.
void WordTurns(const int16_t* codes, const float* dy, int turns, float* sums);
// Of two filters; `pitch` floats from one line of dy to the next.
void WordTurnsTwice(const int16_t* codes, const float* dy, int pitch, int turns,
                    float* sums);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_CODES_WORDS_H_
