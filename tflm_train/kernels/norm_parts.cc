// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/norm_parts.h"

#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/norm_lines.h"

namespace biotrain {

void Moments(const float* x, int lines, int spatial, float* mean,
             float* variance) {
  const float count = static_cast<float>(spatial);
  for (int line = 0; line < lines; ++line) {
    LineSums<1> sums;
    AddSum(x, spatial, sums);
    const float center = sums.Total(0) / count;
    LineSums<1> squares;
    AddSquares(x, spatial, center, squares);
    mean[line] = center;
    variance[line] = squares.Total(0) / count;
    x += spatial;
  }
}

void Normalise(const NormShape& shape, const float* x, const float* gamma,
               const float* beta, const float* mean, const float* variance,
               float epsilon, float* y) {
  ForEachLine(shape, [&](int line, int c, int s) {
    const int at = line * shape.spatial;
    Normalise(x + at, shape.spatial, mean[s],
              gamma[c] / Sqrt(variance[s] + epsilon), beta[c], y + at);
  });
}

void NormGradSums(const NormShape& shape, const float* x, const float* mean,
                  const float* variance, const float* dy, float epsilon,
                  float* dgamma, float* dbeta) {
  ForEachLine(shape, [&](int line, int, int s) {
    const int at = line * shape.spatial;
    LineSums<2> sums;
    AddGradSums(x + at, dy + at, shape.spatial, mean[s], sums);
    dbeta[line] = sums.Total(0);
    dgamma[line] = sums.Total(1) / Sqrt(variance[s] + epsilon);
  });
}

void NormGradInput(const NormShape& shape, const float* x, const float* gamma,
                   const float* mean, const float* variance,
                   const float* mean_dy, const float* mean_product,
                   const float* dy, float epsilon, float* dx) {
  ForEachLine(shape, [&](int line, int c, int s) {
    const int at = line * shape.spatial;
    const float deviation = Sqrt(variance[s] + epsilon);
    NormaliseGrad(x + at, dy + at, shape.spatial, mean[s], gamma[c] / deviation,
                  mean_product[s] / deviation / deviation,
                  mean_dy[s] / deviation, dx + at);
  });
}

}  // namespace biotrain
