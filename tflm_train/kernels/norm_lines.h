// SPDX-License-Identifier: Apache-2.0
// What every normalisation does to a line of one channel, or of one group.
#ifndef TFLM_TRAIN_KERNELS_NORM_LINES_H_
#define TFLM_TRAIN_KERNELS_NORM_LINES_H_

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/line_sums.h"

namespace biotrain {

inline void AddSum(const float* x, int n, LineSums<1>& sums) {
  sums.AddLine(n, [&](int i, float* lane) BIOTRAIN_INLINE { lane[0] += x[i]; });
}

inline void AddSquares(const float* x, int n, float center, LineSums<1>& sums) {
  sums.AddLine(n, [&](int i, float* lane) BIOTRAIN_INLINE {
    const float deviation = x[i] - center;
    lane[0] = Fma(deviation, deviation, lane[0]);
  });
}

// y = (x - center) * scale + shift
inline void Normalise(const float* x, int n, float center, float scale,
                      float shift, float* y) {
  ForEachElement(n, [&](int i) BIOTRAIN_INLINE {
    y[i] = Fma(x[i] - center, scale, shift);
  });
}

// The statistics of channel c of x [B,C,S].
void ChannelStatistics(const float* x, int batch, int channels, int spatial,
                       int c, float* mean, float* variance);

// Of dy, and of dy * (x - center).
inline void AddGradSums(const float* x, const float* dy, int n, float center,
                        LineSums<2>& sums) {
  sums.AddLine(n, [&](int i, float* lane) BIOTRAIN_INLINE {
    lane[0] += dy[i];
    lane[1] = Fma(dy[i], x[i] - center, lane[1]);
  });
}

// dx = scale * dy - (x - center) * slope - offset
inline void NormaliseGrad(const float* x, const float* dy, int n, float center,
                          float scale, float slope, float offset, float* dx) {
  ForEachElement(n, [&](int i) BIOTRAIN_INLINE {
    const float centered = center - x[i];
    dx[i] = Fma(centered, slope, dy[i] * scale - offset);
  });
}

// What NormaliseGrad needs, of a channel whose batch is its group:
// dx = scale * (dy - mean(dy) - (x - mean) * mean(dy * (x - mean)) / var)
struct ChannelGrad {
  float dgamma, dbeta;
  float scale, slope, offset;
  ChannelGrad(const LineSums<2>& sums, float gamma, float deviation,
              float count)
      : dgamma(sums.Total(1) / deviation),
        dbeta(sums.Total(0)),
        scale(gamma / deviation),
        slope(scale * (dgamma / count / deviation)),
        offset(scale * (dbeta / count)) {}
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_NORM_LINES_H_
