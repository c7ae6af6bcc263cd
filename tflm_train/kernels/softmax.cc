// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/softmax.h"

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/math.h"

namespace biotrain {
namespace {

float Largest(const float* x, int n) {
  float largest = x[0];
  for (int i = 1; i < n; ++i) {
    if (x[i] > largest) largest = x[i];
  }
  return largest;
}

}  // namespace

void Softmax(const float* x, int rows, int n, float beta, float* y) {
  for (int row = 0; row < rows; ++row, x += n, y += n) {
    const float largest = Largest(x, n);
    float sum = 0.0f;
    for (int i = 0; i < n; ++i) {
      y[i] = Exp((x[i] - largest) * beta);
      sum += y[i];
    }
    for (int i = 0; i < n; ++i) y[i] /= sum;
  }
}

void LogSoftmax(const float* x, int rows, int n, float* y) {
  for (int row = 0; row < rows; ++row, x += n, y += n) {
    const float largest = Largest(x, n);
    float sum = 0.0f;
    for (int i = 0; i < n; ++i) sum += Exp(x[i] - largest);
    const float log_sum = Log(sum);
    for (int i = 0; i < n; ++i) y[i] = (x[i] - largest) - log_sum;
  }
}

}  // namespace biotrain
