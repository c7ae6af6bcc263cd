// SPDX-License-Identifier: Apache-2.0
// Which outputs an input of a strided convolution was used for.
#ifndef TFLM_TRAIN_KERNELS_INPUT_PHASE_H_
#define TFLM_TRAIN_KERNELS_INPUT_PHASE_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// The output whose tap lies on an input, or -1. distance is input + padding -
// tap * dilation.
constexpr int OutputUnderTap(int distance, int stride, int outputs) {
  if (distance < 0 || distance % stride != 0) return -1;
  return distance / stride < outputs ? distance / stride : -1;
}

// From the first filter row to the last with an output under it, for one row of
// inputs.
inline Range FilterRowsOver(const ConvGeometry& g, int ih) {
  Range rows = {0, 0};
  for (int kh = 0; kh < g.filter_h; ++kh) {
    const int distance = ih + g.pad_top - kh * g.dilation_h;
    if (OutputUnderTap(distance, g.stride_h, g.out_h) < 0) continue;
    if (rows.size() == 0) rows.begin = kh;
    rows.end = kh + 1;
  }
  return rows;
}

// The inputs offset, offset + stride, ... of a row: they meet the same taps,
// every tap_step-th from first_tap on, and input i + 1 under one tap is used by
// the output after that of input i.
struct InputPhase {
  int offset;
  int stride;
  int inputs;
  int first_tap;
  int tap_step;
  int taps;          // 0 if no tap ever falls on these inputs
  int first_output;  // of input 0 under first_tap, maybe outside
  int output_step;   // how far the output moves back from tap to tap

  InputPhase(const ConvGeometry& g, int first_input)
      : offset(first_input),
        stride(g.stride_w),
        inputs((g.in_w - first_input + g.stride_w - 1) / g.stride_w),
        first_tap(0),
        tap_step(1),
        taps(0),
        first_output(0),
        output_step(1) {
    while (tap_step * g.dilation_w % g.stride_w != 0) ++tap_step;
    output_step = tap_step * g.dilation_w / g.stride_w;
    for (int tap = 0; tap < tap_step && tap < g.filter_w; ++tap) {
      const int distance = offset + g.pad_left - tap * g.dilation_w;
      if (distance % g.stride_w != 0) continue;
      first_tap = tap;
      taps = (g.filter_w - tap + tap_step - 1) / tap_step;
      first_output = distance / g.stride_w;
      return;
    }
  }

  int Input(int item) const { return offset + item * stride; }
  int Output(int item, int tap) const {
    return first_output + item - tap * output_step;
  }
  // Whether all taps of the items [item, item + count) fall on outputs.
  bool Inside(int item, int count, int outputs) const {
    return taps > 0 && Output(item, taps - 1) >= 0 &&
           Output(item + count - 1, 0) < outputs;
  }
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_INPUT_PHASE_H_
