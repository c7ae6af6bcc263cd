// SPDX-License-Identifier: Apache-2.0
// x times the probability that a normal number is below x, on n elements,
// beside its gradient in terms of x. Every output may be the same buffer as any
// one of the inputs.
#ifndef TFLM_TRAIN_KERNELS_GELU_H_
#define TFLM_TRAIN_KERNELS_GELU_H_

namespace biotrain {

void Gelu(const float* x, int n, float* y);
void GeluGrad(const float* x, const float* dy, int n, float* dx);

// With the tanh that Hendrycks and Gimpel (arXiv 1606.08415) put for it.
void GeluTanh(const float* x, int n, float* y);
void GeluTanhGrad(const float* x, const float* dy, int n, float* dx);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_GELU_H_
