// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/norm.h"
#include "tflm_train/kernels/norm_lines.h"

namespace biotrain {
namespace {

// The gradient of one vector, whose channels have one element each: nothing is
// worth a sum of its own but the two that all channels share.
void VectorGrad(const float* x, const float* dy, const float* gamma, int width,
                float center, float inverse, float* dx, float* dgamma,
                float* dbeta) {
  LineSums<2> sums;
  sums.AddLine(width, [&](int c, float* lane) BIOTRAIN_INLINE {
    const float slope = dy[c] * gamma[c];
    lane[0] += slope;
    lane[1] = Fma(slope, x[c] - center, lane[1]);
  });
  const float count = static_cast<float>(width);
  const float slope = inverse * inverse * inverse * (sums.Total(1) / count);
  const float offset = inverse * (sums.Total(0) / count);
  for (int c = 0; c < width; ++c) {
    const float deviation = x[c] - center;
    const float given = dy[c];
    dbeta[c] += given;
    dgamma[c] = Fma(given * deviation, inverse, dgamma[c]);
    dx[c] = Fma(-deviation, slope, given * (gamma[c] * inverse) - offset);
  }
}

}  // namespace

void GroupNorm(const float* x, const float* gamma, const float* beta, int batch,
               int channels, int spatial, int groups, float epsilon, float* y,
               float* mean, float* variance) {
  const int width = channels / groups;
  const int size = width * spatial;
  const float count = static_cast<float>(size);
  for (int group = 0; group < batch * groups; ++group) {
    const float* const values = x + group * size;
    LineSums<1> sums;
    AddSum(values, size, sums);
    const float center = sums.Total(0) / count;
    LineSums<1> squares;
    AddSquares(values, size, center, squares);
    mean[group] = center;
    variance[group] = squares.Total(0) / count;
    const float inverse = 1.0f / Sqrt(variance[group] + epsilon);
    const int first = group % groups * width;
    if (spatial == 1) {
      float* const out = y + group * size;
      for (int c = 0; c < width; ++c) {
        out[c] = Fma(values[c] - center, gamma[first + c] * inverse,
                     beta[first + c]);
      }
      continue;
    }
    for (int c = 0; c < width; ++c) {
      const int line = group * size + c * spatial;
      Normalise(x + line, spatial, center, gamma[first + c] * inverse,
                beta[first + c], y + line);
    }
  }
}

void GroupNormGrad(const float* x, const float* gamma, const float* mean,
                   const float* variance, const float* dy, int batch,
                   int channels, int spatial, int groups, float epsilon,
                   float* dx, float* dgamma, float* dbeta) {
  const int width = channels / groups;
  const int size = width * spatial;
  const float count = static_cast<float>(size);
  for (int c = 0; c < channels; ++c) dgamma[c] = dbeta[c] = 0.0f;
  for (int group = 0; group < batch * groups; ++group) {
    const float center = mean[group];
    const float inverse = 1.0f / Sqrt(variance[group] + epsilon);
    const int first = group % groups * width;
    if (spatial == 1) {
      VectorGrad(x + group * size, dy + group * size, gamma + first, width,
                 center, inverse, dx + group * size, dgamma + first,
                 dbeta + first);
      continue;
    }
    // dx = inverse * (slopes - mean(slopes)
    //                 - normalised * mean(slopes * normalised)),
    // where slopes are dy * gamma.
    CompensatedSum slopes;
    CompensatedSum products;
    for (int c = 0; c < width; ++c) {
      const int line = group * size + c * spatial;
      LineSums<2> sums;
      AddGradSums(x + line, dy + line, spatial, center, sums);
      dbeta[first + c] += sums.Total(0);
      dgamma[first + c] += sums.Total(1) * inverse;
      slopes.Add(sums.Total(0) * gamma[first + c]);
      products.Add(sums.Total(1) * gamma[first + c]);
    }
    const float cubed = inverse * inverse * inverse;
    const float slope = cubed * (products.Total() / count);
    const float offset = inverse * (slopes.Total() / count);
    for (int c = 0; c < width; ++c) {
      const int line = group * size + c * spatial;
      NormaliseGrad(x + line, dy + line, spatial, center,
                    gamma[first + c] * inverse, slope, offset, dx + line);
    }
  }
}

}  // namespace biotrain
