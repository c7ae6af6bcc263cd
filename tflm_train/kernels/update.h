// SPDX-License-Identifier: Apache-2.0
// Optimiser updates on n weights. Outputs may be the buffers of the inputs,
// each of its own.
#ifndef TFLM_TRAIN_KERNELS_UPDATE_H_
#define TFLM_TRAIN_KERNELS_UPDATE_H_

namespace biotrain {

// w_out = w - learning_rate * g
void Sgd(const float* w, const float* g, int n, float learning_rate,
         float* w_out);

// m_out = momentum * m - learning_rate * g;  w_out = w + m_out
void SgdMomentum(const float* w, const float* m, const float* g, int n,
                 float learning_rate, float momentum, float* w_out,
                 float* m_out);

// With the factors of a step (step_factors.h), g scaled: where the step is
// active, as above with w kept to a part; else everything stays as it is.
void SgdOfStep(const float* w, const float* g, int n, const float* factors,
               float* w_out);
void SgdMomentumOfStep(const float* w, const float* m, const float* g, int n,
                       const float* factors, float momentum, float* w_out,
                       float* m_out);

struct AdamParams {
  float decay_1, decay_2;  // 1 - beta
  float epsilon;
};

// m_out = m + decay_1 (g - m);  v_out = v + decay_2 (g^2 - v);
// w_out = keep * w - rate * m_out / (sqrt(v_out) + epsilon)
void Adam(const float* w, const float* m, const float* v, const float* g, int n,
          const float* factors, const AdamParams& params, float* w_out,
          float* m_out, float* v_out);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_UPDATE_H_
