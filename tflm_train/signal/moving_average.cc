// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/signal/moving_average.h"

namespace biotrain {

void SubtractMovingAverage(int length, int channels, MovingAveragePlace* place,
                           float* state, float* x) {
  float* sum = state;
  float* since_full = state + channels;
  float* oldest = state + (2 + place->next) * channels;
  if (place->seen < length) ++place->seen;
  place->next = place->next + 1 == length ? 0 : place->next + 1;
  const float count = static_cast<float>(place->seen);
  for (int c = 0; c < channels; ++c) {
    const float in = x[c];
    sum[c] = (sum[c] + in) - oldest[c];
    since_full[c] = since_full[c] + in;
    oldest[c] = in;
    if (place->next == 0) {
      sum[c] = since_full[c];
      since_full[c] = 0.0f;
    }
    x[c] = in - sum[c] / count;
  }
}

}  // namespace biotrain
