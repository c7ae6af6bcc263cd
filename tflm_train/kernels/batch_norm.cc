// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/norm.h"
#include "tflm_train/kernels/norm_lines.h"

namespace biotrain {

void ChannelStatistics(const float* x, int batch, int channels, int spatial,
                       int c, float* mean, float* variance) {
  const float count = static_cast<float>(batch * spatial);
  LineSums<1> sums;
  for (int b = 0; b < batch; ++b) {
    AddSum(x + (b * channels + c) * spatial, spatial, sums);
  }
  *mean = sums.Total(0) / count;
  LineSums<1> squares;
  for (int b = 0; b < batch; ++b) {
    AddSquares(x + (b * channels + c) * spatial, spatial, *mean, squares);
  }
  *variance = squares.Total(0) / count;
}

void BatchNorm(const float* x, const float* gamma, const float* beta, int batch,
               int channels, int spatial, float epsilon, float* y, float* mean,
               float* variance) {
  for (int c = 0; c < channels; ++c) {
    ChannelStatistics(x, batch, channels, spatial, c, &mean[c], &variance[c]);
    const float center = mean[c];
    const float scale = gamma[c] / Sqrt(variance[c] + epsilon);
    const float shift = beta[c];
    for (int b = 0; b < batch; ++b) {
      const int line = (b * channels + c) * spatial;
      Normalise(x + line, spatial, center, scale, shift, y + line);
    }
  }
}

void BatchNormGrad(const float* x, const float* gamma, const float* mean,
                   const float* variance, const float* dy, int batch,
                   int channels, int spatial, float epsilon, float* dx,
                   float* dgamma, float* dbeta) {
  const float count = static_cast<float>(batch * spatial);
  for (int c = 0; c < channels; ++c) {
    const float center = mean[c];
    LineSums<2> sums;
    for (int b = 0; b < batch; ++b) {
      const int line = (b * channels + c) * spatial;
      AddGradSums(x + line, dy + line, spatial, center, sums);
    }
    const ChannelGrad grad(sums, gamma[c], Sqrt(variance[c] + epsilon), count);
    dgamma[c] = grad.dgamma;
    dbeta[c] = grad.dbeta;
    for (int b = 0; b < batch; ++b) {
      const int line = (b * channels + c) * spatial;
      NormaliseGrad(x + line, dy + line, spatial, center, grad.scale,
                    grad.slope, grad.offset, dx + line);
    }
  }
}

}  // namespace biotrain
