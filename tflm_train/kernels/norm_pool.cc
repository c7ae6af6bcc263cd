// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/norm_pool.h"

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/norm_lines.h"
#include "tflm_train/kernels/peak.h"

namespace biotrain {
namespace {

// Narrow windows are mostly their loop's counter, unless their width is known.
template <typename Body>
[[gnu::always_inline]] inline void WithWidth(int width, const Body& body) {
  if (width == 4) return body(Index<4>{});
  if (width == 8) return body(Index<8>{});
  body(width);
}

// The best of each window of one plane: x [H,W] to peak [OH,OW].
template <typename Width, typename Better>
[[gnu::always_inline]] inline void Peaks(const PoolGeometry& g, Width width,
                                         const float* x, float* peak,
                                         const Better& better) {
  for (int row = 0; row < g.out_h; ++row, x += g.in_w) {
    const float* window = x;
    for (int ow = 0; ow < g.out_w; ++ow, window += width) {
      float best = window[0];
      ForEachElement(width, [&](int i) BIOTRAIN_INLINE {
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
  WithWidth(g.filter_w, [&](auto width) {
    if (scale > 0.0f) {
      Peaks(g, width, x, peak,
            [](float a, float b) BIOTRAIN_INLINE { return Larger(a, b); });
    } else if (scale < 0.0f) {
      Peaks(g, width, x, peak,
            [](float a, float b) BIOTRAIN_INLINE { return Smaller(a, b); });
    } else {
      Peaks(g, width, x, peak,
            [](float a, float) BIOTRAIN_INLINE { return a; });
    }
  });
}

// What the gradient of one channel needs, as numbers that stay in registers.
struct Line {
  float center, scale, slope, offset;

  [[gnu::always_inline]] float At(float x, float dy) const {
    return Fma(center - x, slope, dy * scale - offset);
  }
  // Of inputs that no output came from.
  [[gnu::always_inline]] void Fill(const float* x, int n, float* dx) const {
    ForEachElement(n, [&](int i) BIOTRAIN_INLINE {
      dx[i] = Fma(center - x[i], slope, -offset);
    });
  }
};

// `count` windows side by side: x and dx [count * width], peak and dy [count].
template <typename Width>
[[gnu::always_inline]] inline void WindowsGrad(Width width, int count,
                                               const float* x,
                                               const float* peak,
                                               const float* dy, Line line,
                                               float* dx) {
  for (int i = 0; i < count; ++i, x += width, dx += width) {
    const float best = peak[i];
    const float share = dy[i];
    const int at = share != 0.0f ? FindIn(x, width, best) : width;
    line.Fill(x, width, dx);
    if (at < width) dx[at] = line.At(best, share);
  }
}

// x and dx [H,W], peak and dy [OH,OW]
void PlaneGrad(const PoolGeometry& g, const float* x, const float* peak,
               const float* dy, const Line& line, float* dx) {
  const int covered = g.out_w * g.filter_w;
  for (int row = 0; row < g.out_h; ++row) {
    WithWidth(g.filter_w, [&](auto width) BIOTRAIN_INLINE {
      WindowsGrad(width, g.out_w, x, peak, dy, line, dx);
    });
    line.Fill(x + covered, g.in_w - covered, dx + covered);
    x += g.in_w;
    dx += g.in_w;
    peak += g.out_w;
    dy += g.out_w;
  }
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
    const Line line = {center, grad.scale, grad.slope, grad.offset};
    for (int b = 0; b < g.batch; ++b) {
      const int plane = b * g.channels + c;
      PlaneGrad(g, x + plane * spatial, peak + plane * pooled,
                dy + plane * pooled, line, dx + plane * spatial);
    }
  }
}

}  // namespace biotrain
