// SPDX-License-Identifier: Apache-2.0
// Standardises with a mean and a variance that follow the signal.
#ifndef TFLM_TRAIN_SIGNAL_RUNNING_SCALE_H_
#define TFLM_TRAIN_SIGNAL_RUNNING_SCALE_H_

namespace biotrain {

constexpr int RunningScaleStateFloats(int channels) { return 2 * channels; }

// One sample of each channel, in place: (x - mean) / sqrt(variance + floor^2).
// Mean and variance are those of all samples for the first `length` of them,
// then exponential with that time constant. `seen` counts up to `length`.
// x (channels), state (2, channels): means and variances, zeros at first.
void RunningScale(int length, float floor, int channels, int* seen,
                  float* state, float* x);

}  // namespace biotrain

#endif  // TFLM_TRAIN_SIGNAL_RUNNING_SCALE_H_
