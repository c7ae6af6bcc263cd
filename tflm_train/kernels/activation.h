// SPDX-License-Identifier: Apache-2.0
// Elementwise activations on n elements, beside their gradients. Every output
// may be the same buffer as any one of the inputs.
#ifndef TFLM_TRAIN_KERNELS_ACTIVATION_H_
#define TFLM_TRAIN_KERNELS_ACTIVATION_H_

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// The activation fused into another kernel. A NaN stays NaN.
inline float Activate(float value, Activation activation) {
  if (activation == Activation::kNone) return value;
  if (value < 0.0f) return 0.0f;
  return activation == Activation::kRelu6 && value > 6.0f ? 6.0f : value;
}

// (x + |x|) / 2, which asks for no comparison: those of floats are slow.
inline float Rectified(float x) {
  return Fma(0.5f, __builtin_fabsf(x), 0.5f * x);
}

void Relu(const float* x, int n, float* y);
void Relu6(const float* x, int n, float* y);
void Elu(const float* x, int n, float* y);
void LeakyRelu(const float* x, int n, float alpha, float* y);
void TanhForward(const float* x, int n, float* y);
void Sigmoid(const float* x, int n, float* y);

// In terms of the activation's own output y.
void ReluGrad(const float* y, const float* dy, int n, float* dx);
void Relu6Grad(const float* y, const float* dy, int n, float* dx);
void EluGrad(const float* y, const float* dy, int n, float* dx);
void TanhGrad(const float* y, const float* dy, int n, float* dx);
void SigmoidGrad(const float* y, const float* dy, int n, float* dx);

// In terms of the input x: the sign of y would be lost for alpha <= 0.
void LeakyReluGrad(const float* x, const float* dy, int n, float alpha,
                   float* dx);

// Of a square, in terms of its input x.
void SquareGrad(const float* x, const float* dy, int n, float* dx);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_ACTIVATION_H_
