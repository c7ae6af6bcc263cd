// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/update.h"

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/step_factors.h"

namespace biotrain {
namespace {

void Copy(const float* from, int n, float* to) {
  if (from == to) return;
  for (int i = 0; i < n; ++i) to[i] = from[i];
}

}  // namespace

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

void SgdOfStep(const float* w, const float* g, int n, const float* factors,
               float* w_out) {
  if (factors[kActive] == 0.0f) return Copy(w, n, w_out);
  const float rate = factors[kRate] * factors[kScale];
  for (int i = 0; i < n; ++i) {
    w_out[i] = Fma(-rate, g[i], factors[kKeep] * w[i]);
  }
}

void SgdMomentumOfStep(const float* w, const float* m, const float* g, int n,
                       const float* factors, float momentum, float* w_out,
                       float* m_out) {
  if (factors[kActive] == 0.0f) {
    Copy(w, n, w_out);
    return Copy(m, n, m_out);
  }
  const float rate = factors[kRate] * factors[kScale];
  for (int i = 0; i < n; ++i) {
    const float velocity = Fma(momentum, m[i], -(rate * g[i]));
    w_out[i] = Fma(factors[kKeep], w[i], velocity);
    m_out[i] = velocity;
  }
}

void Adam(const float* w, const float* m, const float* v, const float* g, int n,
          const float* factors, const AdamParams& params, float* w_out,
          float* m_out, float* v_out) {
  if (factors[kActive] == 0.0f) {
    Copy(w, n, w_out);
    Copy(m, n, m_out);
    return Copy(v, n, v_out);
  }
  const float rate = factors[kRate], keep = factors[kKeep];
  for (int i = 0; i < n; ++i) {
    const float gradient = factors[kScale] * g[i];
    const float mean = Fma(gradient - m[i], params.decay_1, m[i]);
    const float square = Fma(gradient, gradient, -v[i]);
    const float variance = Fma(square, params.decay_2, v[i]);
    const float step = mean * rate / (Sqrt(variance) + params.epsilon);
    w_out[i] = Fma(keep, w[i], -step);
    m_out[i] = mean;
    v_out[i] = variance;
  }
}

}  // namespace biotrain
