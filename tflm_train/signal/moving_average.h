// SPDX-License-Identifier: Apache-2.0
// Subtracts the mean of the newest samples, the present one among them.
#ifndef TFLM_TRAIN_SIGNAL_MOVING_AVERAGE_H_
#define TFLM_TRAIN_SIGNAL_MOVING_AVERAGE_H_

namespace biotrain {

struct MovingAveragePlace {
  int next = 0;  // where the ring is written next
  int seen = 0;  // samples, up to the length of the ring
};

constexpr int MovingAverageStateFloats(int length, int channels) {
  return (length + 2) * channels;
}

// One sample of each channel, in place: x[c] minus the mean of the newest
// `length` samples, or of as many as there were.
// x (channels), state (length + 2, channels), which begins as zeros: the sum,
// the sum since the ring was last full, and the ring. The second replaces the
// first whenever the ring is full, so rounding errors do not pile up.
void SubtractMovingAverage(int length, int channels, MovingAveragePlace* place,
                           float* state, float* x);

}  // namespace biotrain

#endif  // TFLM_TRAIN_SIGNAL_MOVING_AVERAGE_H_
