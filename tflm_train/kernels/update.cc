// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/update.h"

#include "tflm_train/kernels/fma.h"

namespace biotrain {

void Sgd(const float* w, const float* g, int n, float learning_rate,
         float* w_out) {
  for (int i = 0; i < n; ++i) w_out[i] = Fma(-learning_rate, g[i], w[i]);
}

void SgdMomentum(const float* w, const float* m, const float* g, int n,
                 float learning_rate, float momentum, float* w_out,
                 float* m_out) {
  for (int i = 0; i < n; ++i) {
    const float velocity = Fma(momentum, m[i], -(learning_rate * g[i]));
    w_out[i] = w[i] + velocity;
    m_out[i] = velocity;
  }
}

}  // namespace biotrain
