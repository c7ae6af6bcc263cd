// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/signal/sos_filter.h"

namespace biotrain {

void SosFilter(const SosSection* sections, int n_sections, int channels,
               float* state, float* x) {
  for (int i = 0; i < n_sections; ++i) {
    const SosSection s = sections[i];
    for (int c = 0; c < channels; ++c, state += 2) {
      const float in = x[c];
      const float out = s.b0 * in + state[0];
      state[0] = (s.b1 * in - s.a1 * out) + state[1];
      state[1] = s.b2 * in - s.a2 * out;
      x[c] = out;
    }
  }
}

}  // namespace biotrain
