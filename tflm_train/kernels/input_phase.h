// SPDX-License-Identifier: Apache-2.0
// Which outputs an input of a strided convolution was used for, along one axis.
#ifndef TFLM_TRAIN_KERNELS_INPUT_PHASE_H_
#define TFLM_TRAIN_KERNELS_INPUT_PHASE_H_

namespace biotrain {

// The inputs offset, offset + stride, ... meet the same taps: last_tap,
// last_tap - tap_step, ... In this order input i meets the outputs
// i - pad, i - pad + output_step, ..., some of which may not exist: to these
// inputs the outputs are a padded line and the taps a filter with dilation.
struct InputPhase {
  int taps = 0;  // 0 if no tap ever falls on these inputs
  int last_tap = 0;
  int tap_step = 1;
  int output_step = 1;
  int pad = 0;

  constexpr InputPhase(int stride, int dilation, int pad_before, int filter,
                       int offset) {
    while (tap_step * dilation % stride != 0) ++tap_step;
    output_step = tap_step * dilation / stride;
    for (int tap = 0; tap < tap_step && tap < filter; ++tap) {
      const int distance = offset + pad_before - tap * dilation;
      if (distance % stride != 0) continue;
      taps = (filter - tap + tap_step - 1) / tap_step;
      last_tap = tap + (taps - 1) * tap_step;
      pad = (taps - 1) * output_step - distance / stride;
      return;
    }
  }
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_INPUT_PHASE_H_
