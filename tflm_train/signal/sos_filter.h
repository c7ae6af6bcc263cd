// SPDX-License-Identifier: Apache-2.0
// Second-order sections in transposed direct form II. Every product and every
// sum is rounded by itself, without Fma, so that NumPy computes the same bits.
#ifndef TFLM_TRAIN_SIGNAL_SOS_FILTER_H_
#define TFLM_TRAIN_SIGNAL_SOS_FILTER_H_

namespace biotrain {

// (b0 + b1/z + b2/z^2) / (1 + a1/z + a2/z^2)
struct SosSection {
  float b0, b1, b2, a1, a2;
};

constexpr int SosStateFloats(int n_sections, int channels) {
  return 2 * n_sections * channels;
}

// One sample of each channel through all sections, in place.
// sections (n_sections), x (channels), state (n_sections, channels, 2), which
// begins as zeros.
void SosFilter(const SosSection* sections, int n_sections, int channels,
               float* state, float* x);

}  // namespace biotrain

#endif  // TFLM_TRAIN_SIGNAL_SOS_FILTER_H_
