// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/signal/running_scale.h"

#include "tflm_train/kernels/math.h"

namespace biotrain {

void RunningScale(int length, float floor, int channels, int* seen,
                  float* state, float* x) {
  if (*seen < length) ++*seen;
  const float share = 1.0f / static_cast<float>(*seen);
  const float rest = 1.0f - share;
  const float least = floor * floor;
  float* mean = state;
  float* variance = state + channels;
  for (int c = 0; c < channels; ++c) {
    const float distance = x[c] - mean[c];
    const float step = share * distance;
    mean[c] = mean[c] + step;
    variance[c] = rest * (variance[c] + step * distance);
    x[c] = (x[c] - mean[c]) / Sqrt(variance[c] + least);
  }
}

}  // namespace biotrain
