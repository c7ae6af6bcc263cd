// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/activation.h"

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/repeat.h"

namespace biotrain {

void Relu(const float* x, int n, float* y) {
  ForEachElement(n, [&](int i) BIOTRAIN_INLINE { y[i] = Rectified(x[i]); });
}

void ReluGrad(const float* y, const float* dy, int n, float* dx) {
  ForEachElement(
      n, [&](int i) BIOTRAIN_INLINE { dx[i] = y[i] > 0.0f ? dy[i] : 0.0f; });
}

void Relu6(const float* x, int n, float* y) {
  for (int i = 0; i < n; ++i) y[i] = Activate(x[i], Activation::kRelu6);
}

void Relu6Grad(const float* y, const float* dy, int n, float* dx) {
  for (int i = 0; i < n; ++i) {
    dx[i] = y[i] > 0.0f && y[i] < 6.0f ? dy[i] : 0.0f;
  }
}

void Elu(const float* x, int n, float* y) {
  for (int i = 0; i < n; ++i) y[i] = EluOf(x[i]);
}

void EluGrad(const float* y, const float* dy, int n, float* dx) {
  ForEachElement(n, [&](int i) BIOTRAIN_INLINE {
    dx[i] = y[i] < 0.0f ? Fma(dy[i], y[i], dy[i]) : dy[i];
  });
}

void LeakyRelu(const float* x, int n, float alpha, float* y) {
  for (int i = 0; i < n; ++i) y[i] = x[i] > 0.0f ? x[i] : alpha * x[i];
}

void LeakyReluGrad(const float* x, const float* dy, int n, float alpha,
                   float* dx) {
  for (int i = 0; i < n; ++i) dx[i] = x[i] > 0.0f ? dy[i] : alpha * dy[i];
}

void TanhForward(const float* x, int n, float* y) {
  for (int i = 0; i < n; ++i) y[i] = Tanh(x[i]);
}

void TanhGrad(const float* y, const float* dy, int n, float* dx) {
  for (int i = 0; i < n; ++i) dx[i] = dy[i] * Fma(-y[i], y[i], 1.0f);
}

void Sigmoid(const float* x, int n, float* y) {
  for (int i = 0; i < n; ++i) y[i] = Logistic(x[i]);
}

void SigmoidGrad(const float* y, const float* dy, int n, float* dx) {
  for (int i = 0; i < n; ++i) dx[i] = dy[i] * (y[i] * (1.0f - y[i]));
}

void SquareGrad(const float* x, const float* dy, int n, float* dx) {
  ForEachElement(n,
                 [&](int i) BIOTRAIN_INLINE { dx[i] = dy[i] * (x[i] + x[i]); });
}

}  // namespace biotrain
