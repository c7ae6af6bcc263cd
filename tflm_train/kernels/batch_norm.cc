// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/lanes.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/norm.h"
#include "tflm_train/kernels/sums.h"

namespace biotrain {
namespace {

struct ForwardBlock {
  const float* x;
  const float* gamma;
  const float* beta;
  int rows;
  int channels;
  float epsilon;
  float* y;
  float* mean;
  float* variance;

  template <int kLanes>
  void Run(int first) const {
    const float count = static_cast<float>(rows);
    const float* in = x + first;
    ChunkedSums<kLanes> sums;
    sums.AddRows(rows, [&](int row, float* partial) {
      const float* values = in + row * channels;
      for (int c = 0; c < kLanes; ++c) partial[c] += values[c];
    });
    float center[kLanes];
    for (int c = 0; c < kLanes; ++c) center[c] = sums.Total(c) / count;

    ChunkedSums<kLanes> squares;
    squares.AddRows(rows, [&](int row, float* partial) {
      const float* values = in + row * channels;
      for (int c = 0; c < kLanes; ++c) {
        const float deviation = values[c] - center[c];
        partial[c] = Fma(deviation, deviation, partial[c]);
      }
    });
    float scale[kLanes];
    float shift[kLanes];
    for (int c = 0; c < kLanes; ++c) {
      mean[first + c] = center[c];
      variance[first + c] = squares.Total(c) / count;
      scale[c] = gamma[first + c] / Sqrt(variance[first + c] + epsilon);
      shift[c] = beta[first + c];
    }

    for (int row = 0; row < rows; ++row) {
      const float* values = in + row * channels;
      float* out = y + first + row * channels;
      for (int c = 0; c < kLanes; ++c) {
        out[c] = Fma(values[c] - center[c], scale[c], shift[c]);
      }
    }
  }
};

struct GradBlock {
  const float* x;
  const float* gamma;
  const float* mean;
  const float* variance;
  const float* dy;
  int rows;
  int channels;
  float epsilon;
  float* dx;
  float* dgamma;
  float* dbeta;

  template <int kLanes>
  void Run(int first) const {
    const float count = static_cast<float>(rows);
    float center[kLanes];
    for (int c = 0; c < kLanes; ++c) center[c] = mean[first + c];

    ChunkedSums<2 * kLanes> sums;  // of dy, then of dy * (x - mean)
    sums.AddRows(rows, [&](int row, float* partial) {
      const float* values = x + first + row * channels;
      const float* grads = dy + first + row * channels;
      for (int c = 0; c < kLanes; ++c) {
        partial[c] += grads[c];
        partial[kLanes + c] =
            Fma(grads[c], values[c] - center[c], partial[kLanes + c]);
      }
    });

    // dx = scale * (dy - mean(dy) - (x - mean) * slope)
    float scale[kLanes];
    float mean_dy[kLanes];
    float slope[kLanes];
    for (int c = 0; c < kLanes; ++c) {
      const float deviation = Sqrt(variance[first + c] + epsilon);
      dbeta[first + c] = sums.Total(c);
      dgamma[first + c] = sums.Total(kLanes + c) / deviation;
      scale[c] = gamma[first + c] / deviation;
      mean_dy[c] = dbeta[first + c] / count;
      slope[c] = dgamma[first + c] / count / deviation;
    }

    for (int row = 0; row < rows; ++row) {
      const float* values = x + first + row * channels;
      const float* grads = dy + first + row * channels;
      float* out = dx + first + row * channels;
      for (int c = 0; c < kLanes; ++c) {
        const float centered = grads[c] - mean_dy[c];
        out[c] = scale[c] * Fma(center[c] - values[c], slope[c], centered);
      }
    }
  }
};

}  // namespace

void BatchNorm(const float* x, const float* gamma, const float* beta, int rows,
               int channels, float epsilon, float* y, float* mean,
               float* variance) {
  ForEachLaneBlock(
      0, channels,
      ForwardBlock{x, gamma, beta, rows, channels, epsilon, y, mean, variance});
}

void BatchNormGrad(const float* x, const float* gamma, const float* mean,
                   const float* variance, const float* dy, int rows,
                   int channels, float epsilon, float* dx, float* dgamma,
                   float* dbeta) {
  ForEachLaneBlock(0, channels,
                   GradBlock{x, gamma, mean, variance, dy, rows, channels,
                             epsilon, dx, dgamma, dbeta});
}

}  // namespace biotrain
