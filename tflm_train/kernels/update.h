// SPDX-License-Identifier: Apache-2.0
// Optimiser updates on n weights. Outputs may be the buffers of the inputs.
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

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_UPDATE_H_
