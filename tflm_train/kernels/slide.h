// SPDX-License-Identifier: Apache-2.0
// One filter of 16 taps along one zero-padded line: its taps stay in registers
// while the line passes by.
//
//   y(i) = sum over tap of w(tap) * x(i + tap - pad)
//
// A value of x meets 16 sums: it finishes one, begins another and is added to
// 14 between, so that 15 sums, 16 taps and the value are 32 registers. What is
// left beside the products is one load and one store for every 16 of them.
#ifndef TFLM_TRAIN_KERNELS_SLIDE_H_
#define TFLM_TRAIN_KERNELS_SLIDE_H_

#include "tflm_train/kernels/operand.h"
#include "tflm_train/kernels/tile.h"

namespace biotrain {

constexpr int kSlideTaps = 16;

// Helium has windows instead.
constexpr bool kSlides = !BIOTRAIN_HELIUM;

struct SlideLine {
  const float* x;  // [width]
  int width;
  int pad;  // zeros before x, at most 15
  float* y;
  int items;  // at most width + pad: after x are 15 zeros or fewer
};

void Slide(const SlideLine& line,
           const float* w,  // [16], `step` floats apart
           int step);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_SLIDE_H_
