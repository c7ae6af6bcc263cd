// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/norm_pool.h"

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/norm_lines.h"
#include "tflm_train/kernels/peak.h"

namespace biotrain {
namespace {

// The best of each window of one plane: x [H,W] to peak [OH,OW].
template <typename Better>
[[gnu::always_inline]] inline void Peaks(const PoolGeometry& g, const float* x,
                                         float* peak, const Better& better) {
  for (int row = 0; row < g.out_h; ++row, x += g.in_w) {
    const float* window = x;
    for (int ow = 0; ow < g.out_w; ++ow, window += g.filter_w) {
      float best = window[0];
      ForEachElement(g.filter_w, [&](int i) BIOTRAIN_INLINE {
        best = better(best, window[i]);
      });
      // Zero without a sign, whichever zero was the best.
      *peak++ = best + 0.0f;
    }
  }
}

// Rounding keeps the order of what is normalised, turns it round, or makes all
// equal, and then the first of a window is its largest.
void PeaksAfter(float scale, const PoolGeometry& g, const float* x,
                float* peak) {
  if (scale > 0.0f) {
    Peaks(g, x, peak,
          [](float a, float b) BIOTRAIN_INLINE { return Larger(a, b); });
  } else if (scale < 0.0f) {
    Peaks(g, x, peak,
          [](float a, float b) BIOTRAIN_INLINE { return Smaller(a, b); });
  } else {
    Peaks(g, x, peak, [](float a, float) BIOTRAIN_INLINE { return a; });
  }
}

// One plane; x [H,W], peak and dy [OH,OW], dx [H,W].
void PlaneGrad(const PoolGeometry& g, const float* x, const float* peak,
               const float* dy, float center, const ChannelGrad& grad,
               float* dx) {
  const float slope = grad.slope;
  const float nothing = -grad.offset;
  const auto without_dy = [&](int n) BIOTRAIN_INLINE {
    ForEachElement(n, [&](int i) BIOTRAIN_INLINE {
      dx[i] = Fma(center - x[i], slope, nothing);
    });
    x += n;
    dx += n;
  };
  const int width = g.filter_w;
  for (int row = 0; row < g.out_h; ++row) {
    for (int ow = 0; ow < g.out_w; ++ow, ++peak, ++dy) {
      const int at = *dy != 0.0f ? FindIn(x, width, *peak) : width;
      float* const window = dx;
      without_dy(width);
      if (at < width) {
        window[at] = Fma(center - *peak, slope, *dy * grad.scale - grad.offset);
      }
    }
    without_dy(g.in_w - g.out_w * width);
  }
  without_dy((g.in_h - g.out_h) * g.in_w);
}

}  // namespace

void BatchNormMaxPool(const PoolGeometry& g, const float* x, const float* gamma,
                      const float* beta, float epsilon, Activation activation,
                      float* y, float* mean, float* variance, float* peak) {
  const int spatial = g.in_h * g.in_w;
  const int pooled = g.out_h * g.out_w;
  for (int c = 0; c < g.channels; ++c) {
    ChannelStatistics(x, g.batch, g.channels, spatial, c, &mean[c],
                      &variance[c]);
    const float center = mean[c];
    const float scale = gamma[c] / Sqrt(variance[c] + epsilon);
    const float shift = beta[c];
    for (int b = 0; b < g.batch; ++b) {
      const int plane = b * g.channels + c;
      float* const peaks = peak + plane * pooled;
      PeaksAfter(scale, g, x + plane * spatial, peaks);
      float* const outputs = y + plane * pooled;
      for (int i = 0; i < pooled; ++i) {
        outputs[i] = Activate(Fma(peaks[i] - center, scale, shift), activation);
      }
    }
  }
}

void BatchNormMaxPoolGrad(const PoolGeometry& g, const float* gamma,
                          const float* mean, const float* variance,
                          const float* peak, const float* dy, const float* x,
                          float epsilon, float* dx, float* dgamma,
                          float* dbeta) {
  const int spatial = g.in_h * g.in_w;
  const int pooled = g.out_h * g.out_w;
  const float count = static_cast<float>(g.batch * spatial);
  for (int c = 0; c < g.channels; ++c) {
    const float center = mean[c];
    LineSums<2> sums;
    for (int b = 0; b < g.batch; ++b) {
      const int line = (b * g.channels + c) * pooled;
      AddGradSums(peak + line, dy + line, pooled, center, sums);
    }
    const ChannelGrad grad(sums, gamma[c], Sqrt(variance[c] + epsilon), count);
    dgamma[c] = grad.dgamma;
    dbeta[c] = grad.dbeta;
    for (int b = 0; b < g.batch; ++b) {
      const int plane = b * g.channels + c;
      PlaneGrad(g, x + plane * spatial, peak + plane * pooled,
                dy + plane * pooled, center, grad, dx + plane * spatial);
    }
  }
}

}  // namespace biotrain
