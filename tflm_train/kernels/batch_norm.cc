// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/norm.h"
#include "tflm_train/kernels/norm_lines.h"

namespace biotrain {

void BatchNorm(const float* x, const float* gamma, const float* beta, int batch,
               int channels, int spatial, float epsilon, float* y, float* mean,
               float* variance) {
  const float count = static_cast<float>(batch * spatial);
  for (int c = 0; c < channels; ++c) {
    const auto for_each_line = [&](auto visit) {
      for (int b = 0; b < batch; ++b) visit((b * channels + c) * spatial);
    };
    LineSums<1> sums;
    for_each_line([&](int line) { AddSum(x + line, spatial, sums); });
    const float center = sums.Total(0) / count;
    LineSums<1> squares;
    for_each_line(
        [&](int line) { AddSquares(x + line, spatial, center, squares); });
    mean[c] = center;
    variance[c] = squares.Total(0) / count;
    const float scale = gamma[c] / Sqrt(variance[c] + epsilon);
    const float shift = beta[c];
    for_each_line([&](int line) {
      Normalise(x + line, spatial, center, scale, shift, y + line);
    });
  }
}

void BatchNormGrad(const float* x, const float* gamma, const float* mean,
                   const float* variance, const float* dy, int batch,
                   int channels, int spatial, float epsilon, float* dx,
                   float* dgamma, float* dbeta) {
  const float count = static_cast<float>(batch * spatial);
  for (int c = 0; c < channels; ++c) {
    const auto for_each_line = [&](auto visit) {
      for (int b = 0; b < batch; ++b) visit((b * channels + c) * spatial);
    };
    const float center = mean[c];
    LineSums<2> sums;
    for_each_line([&](int line) {
      AddGradSums(x + line, dy + line, spatial, center, sums);
    });
    // dx = scale * (dy - mean(dy) - (x - mean) * mean(dy * (x - mean)) / var)
    const float deviation = Sqrt(variance[c] + epsilon);
    const float scale = gamma[c] / deviation;
    dbeta[c] = sums.Total(0);
    dgamma[c] = sums.Total(1) / deviation;
    const float slope = scale * (dgamma[c] / count / deviation);
    const float offset = scale * (dbeta[c] / count);
    for_each_line([&](int line) {
      NormaliseGrad(x + line, dy + line, spatial, center, scale, slope, offset,
                    dx + line);
    });
  }
}

}  // namespace biotrain
