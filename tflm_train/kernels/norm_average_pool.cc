// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/norm_average_pool.h"

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/line_sums.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/repeat.h"

namespace biotrain {
namespace {

// What a line's elements are normalised by.
struct Line {
  float center, scale, shift;
  float deviation;
  [[gnu::always_inline]] float Centered(float x) const { return x - center; }
  [[gnu::always_inline]] float Of(float centered) const {
    return Fma(centered, scale, shift);
  }
};

// Each activation: what it makes of n, and its slope in terms of that.
struct Plain {
  static constexpr bool kCounts = true;
  static float Value(float n) { return n; }
  static bool Passes(float) { return true; }
  static float Slope(float) { return 1.0f; }
  static float Back(float, float dy) { return dy; }
};
struct Rectified {
  static constexpr bool kCounts = true;
  static float Value(float n) {
    return Fma(0.5f, __builtin_fabsf(n), 0.5f * n);
  }
  // The sign of a float is that of its bits.
  static bool Passes(float n) { return BitsOf(n) > 0; }
  static float Slope(float n) { return Passes(n) ? 1.0f : 0.0f; }
  static float Back(float n, float dy) { return Passes(n) ? dy : 0.0f; }
};
struct Rectified6 {
  static constexpr bool kCounts = true;
  static float Value(float n) { return Activate(n, Activation::kRelu6); }
  static bool Passes(float n) { return n > 0.0f && n < 6.0f; }
  static float Slope(float n) { return Passes(n) ? 1.0f : 0.0f; }
  static float Back(float n, float dy) { return Passes(n) ? dy : 0.0f; }
};
struct Exponential {
  static constexpr bool kCounts = false;
  static float Value(float n) { return EluOf(n); }
  static bool Passes(float) { return true; }
  static float Slope(float n) {
    const float y = EluOf(n);
    return BitsOf(n) < 0 ? y + 1.0f : 1.0f;
  }
  static float Back(float n, float dy) {
    if (!(n < 0.0f)) return dy;
    return Fma(dy, EluOf(n), dy);
  }
};

// Narrow windows are mostly their loop's counter, unless their width is known.
template <typename Body>
[[gnu::always_inline]] inline void WithWidth(int width, const Body& body) {
  if (width == 4) return body(Index<4>{});
  if (width == 8) return body(Index<8>{});
  body(width);
}

// Four interleaved sums of term(i), i < width, added as AveragePool2D adds.
template <typename Width, typename Term>
[[gnu::always_inline]] inline float WindowSum(Width width, const Term& term) {
  float lanes[4] = {};
  int i = 0;
  for (; i + 4 <= width; i += 4) {
    Repeat<4>([&](auto lane)
                  BIOTRAIN_INLINE { lanes[lane] += term(i + lane); });
  }
  for (int lane = 0; lane < width - i; ++lane) lanes[lane] += term(i + lane);
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

// visit(window, output) for the windows of a plane x [H,W].
template <typename Width, typename Visit>
[[gnu::always_inline]] inline void ForEachWindow(const PoolGeometry& g,
                                                 Width width, const float* x,
                                                 const Visit& visit) {
  for (int row = 0, output = 0; row < g.out_h; ++row, x += g.in_w) {
    const float* window = x;
    for (int ow = 0; ow < g.out_w; ++ow, window += width) {
      visit(window, output++);
    }
  }
}

// visit(x, line, offset of its outputs) for every plane.
template <typename Visit>
void ForEachPlane(const NormShape& shape, const PoolGeometry& g, const float* x,
                  const float* gamma, const float* beta, const float* mean,
                  const float* variance, float epsilon, const Visit& visit) {
  ForEachLine(shape, [&](int line, int c, int s) {
    const float deviation = Sqrt(variance[s] + epsilon);
    visit(x + line * shape.spatial,
          Line{mean[s], gamma[c] / deviation, beta[c], deviation},
          line * g.out_h * g.out_w);
  });
}

// body(activation)
template <typename Body>
void WithActivation(NormActivation activation, const Body& body) {
  switch (activation) {
    case NormActivation::kNone:
      return body(Plain{});
    case NormActivation::kRelu:
      return body(Rectified{});
    case NormActivation::kRelu6:
      return body(Rectified6{});
    case NormActivation::kElu:
      return body(Exponential{});
  }
}

template <typename Function>
void PoolPlane(const PoolGeometry& g, Function, const Line& given,
               const float* x, float* y) {
  const Line line = given;
  const float count = static_cast<float>(g.filter_w);
  WithWidth(g.filter_w, [&](auto width) BIOTRAIN_INLINE {
    ForEachWindow(
        g, width, x, [&](const float* window, int at) BIOTRAIN_INLINE {
          const float sum = WindowSum(width, [&](int i) BIOTRAIN_INLINE {
            return Function::Value(line.Of(line.Centered(window[i])));
          });
          y[at] = sum / count;
        });
  });
}

template <typename Function>
void SlopePlane(const PoolGeometry& g, Function, const Line& given,
                const float* x, float* slopes, float* products) {
  const Line line = given;
  const float count = static_cast<float>(g.filter_w);
  const float spread = count * line.deviation;
  ForEachWindow(g, g.filter_w, x, [&](const float* window, int at) {
    float slope = 0.0f;
    float product = 0.0f;
    ForEachElement(g.filter_w, [&](int i) BIOTRAIN_INLINE {
      const float centered = line.Centered(window[i]);
      const float one = Function::Slope(line.Of(centered));
      slope += one;
      product = Fma(one, centered, product);
    });
    slopes[at] = slope / count;
    products[at] = product / spread;
  });
}

template <typename Function>
void CountPlane(const PoolGeometry& g, Function, const Line& given,
                const float* x, uint8_t* counts, float* products) {
  const Line line = given;
  const float spread = static_cast<float>(g.filter_w) * line.deviation;
  const bool halves = AreHalves(g.filter_w);
  for (int row = 0; row < g.out_h; ++row, x += g.in_w) {
    const float* window = x;
    for (int ow = 0; ow < g.out_w; ++ow, window += g.filter_w) {
      int count = 0;
      float product = 0.0f;
      ForEachElement(g.filter_w, [&](int i) BIOTRAIN_INLINE {
        const float centered = line.Centered(window[i]);
        if (Function::Passes(line.Of(centered))) {
          ++count;
          product += centered;
        }
      });
      *products++ = product / spread;
      if (!halves) {
        counts[ow] = static_cast<uint8_t>(count);
      } else if (ow % 2 == 0) {
        counts[ow / 2] = static_cast<uint8_t>(count);
      } else {
        counts[ow / 2] = static_cast<uint8_t>(counts[ow / 2] | count << 4);
      }
    }
    counts += CountsInRow(g.out_w, g.filter_w);
  }
}

// body(i) for the elements of a window, unrolled if their number is known.
template <int kWidth, typename Body>
[[gnu::always_inline]] inline void ForEachInside(Index<kWidth>,
                                                 const Body& body) {
  Repeat<kWidth>(body);
}
template <typename Body>
[[gnu::always_inline]] inline void ForEachInside(int width, const Body& body) {
  for (int i = 0; i < width; ++i) body(i);
}

// Windows whose sums are made at a time.
constexpr int kBlock = 16;

// Of each window its sums of slopes, and of slopes times centered x, which the
// slope that comes back is to be multiplied with.
template <typename Function>
void SumPlane(const PoolGeometry& g, Function, const Line& given,
              const float* x, const float* dy, float* dgamma, float* dbeta) {
  const Line line = given;
  const float count = static_cast<float>(g.filter_w);
  LineSums<2> sums;
  for (int row = 0; row < g.out_h; ++row) {
    const float* window = x;
    for (int begin = 0; begin < g.out_w; begin += kBlock) {
      const int left = g.out_w - begin;
      const int windows = left < kBlock ? left : kBlock;
      float slopes[kBlock], products[kBlock];
      for (int i = 0; i < windows; ++i, window += g.filter_w) {
        float slope = 0.0f;
        float product = 0.0f;
        ForEachElement(g.filter_w, [&](int tap) BIOTRAIN_INLINE {
          const float centered = line.Centered(window[tap]);
          const float n = line.Of(centered);
          if constexpr (Function::kCounts) {
            if (Function::Passes(n)) {
              slope += 1.0f;
              product += centered;
            }
          } else {
            const float one = Function::Slope(n);
            slope += one;
            product = Fma(one, centered, product);
          }
        });
        slopes[i] = slope;
        products[i] = product;
      }
      sums.AddLine(windows, [&](int i, float* lane) BIOTRAIN_INLINE {
        const float share = dy[begin + i] / count;
        lane[0] = Fma(share, slopes[i], lane[0]);
        lane[1] = Fma(share, products[i], lane[1]);
      });
    }
    x += g.in_w;
    dy += g.out_w;
  }
  *dbeta = sums.Total(0);
  *dgamma = sums.Total(1) / line.deviation;
}

// dx = dn * scale - (x - center) * slope - offset, as NormaliseGrad has it.
struct Back {
  float scale, slope, offset;
};

template <typename Function>
void GradPlane(const PoolGeometry& g, Function, const Line& given,
               const Back& back_given, const float* x, const float* dy,
               float* dx) {
  const Line line = given;
  const Back back = back_given;
  const float count = static_cast<float>(g.filter_w);
  for (int row = 0; row < g.in_h; ++row) {
    WithWidth(g.filter_w, [&](auto width) BIOTRAIN_INLINE {
      for (int ow = 0; ow < g.out_w; ++ow, x += width, dx += width) {
        const float share = *dy++ / count;
        ForEachInside(width, [&](int i) BIOTRAIN_INLINE {
          const float centered = line.Centered(x[i]);
          const float dn = Function::Back(line.Of(centered), share);
          dx[i] = Fma(-centered, back.slope, dn * back.scale - back.offset);
        });
      }
    });
    for (int rest = g.in_w - g.out_w * g.filter_w; rest > 0; --rest) {
      *dx++ =
          Fma(line.center - *x++, back.slope, 0.0f * back.scale - back.offset);
    }
  }
}

}  // namespace

void NormPoolGradSums(const NormShape& shape, const PoolGeometry& g,
                      NormActivation activation, const float* x,
                      const float* gamma, const float* beta, const float* mean,
                      const float* variance, const float* dy, float epsilon,
                      float* dgamma, float* dbeta) {
  WithActivation(activation, [&](auto function) {
    ForEachPlane(shape, g, x, gamma, beta, mean, variance, epsilon,
                 [&](const float* plane, const Line& line, int at) {
                   SumPlane(g, function, line, plane, dy + at, dgamma++,
                            dbeta++);
                 });
  });
}

void NormPoolGradInput(const NormShape& shape, const PoolGeometry& g,
                       NormActivation activation, const float* x,
                       const float* gamma, const float* beta, const float* mean,
                       const float* variance, const float* mean_dy,
                       const float* mean_product, const float* dy,
                       float epsilon, float* dx) {
  WithActivation(activation, [&](auto function) {
    ForEachLine(shape, [&](int at, int c, int s) {
      const float deviation = Sqrt(variance[s] + epsilon);
      const float scale = gamma[c] / deviation;
      GradPlane(g, function, Line{mean[s], scale, beta[c], deviation},
                Back{scale, mean_product[s] / deviation / deviation,
                     mean_dy[s] / deviation},
                x + at * shape.spatial, dy + at * g.out_h * g.out_w,
                dx + at * shape.spatial);
    });
  });
}

void NormAveragePool(const NormShape& shape, const PoolGeometry& g,
                     NormActivation activation, const float* x,
                     const float* gamma, const float* beta, const float* mean,
                     const float* variance, float epsilon, float* y) {
  WithActivation(activation, [&](auto function) {
    ForEachPlane(shape, g, x, gamma, beta, mean, variance, epsilon,
                 [&](const float* plane, const Line& line, int at) {
                   PoolPlane(g, function, line, plane, y + at);
                 });
  });
}

void NormSlopePool(const NormShape& shape, const PoolGeometry& g,
                   NormActivation activation, const float* x,
                   const float* gamma, const float* beta, const float* mean,
                   const float* variance, float epsilon, float* slopes,
                   float* products) {
  WithActivation(activation, [&](auto function) {
    ForEachPlane(shape, g, x, gamma, beta, mean, variance, epsilon,
                 [&](const float* plane, const Line& line, int at) {
                   SlopePlane(g, function, line, plane, slopes + at,
                              products + at);
                 });
  });
}

void NormCountPool(const NormShape& shape, const PoolGeometry& g,
                   NormActivation activation, const float* x,
                   const float* gamma, const float* beta, const float* mean,
                   const float* variance, float epsilon, uint8_t* counts,
                   float* products) {
  WithActivation(activation, [&](auto function) {
    if constexpr (decltype(function)::kCounts) {
      ForEachPlane(
          shape, g, x, gamma, beta, mean, variance, epsilon,
          [&](const float* plane, const Line& line, int at) {
            CountPlane(g, function, line, plane,
                       counts + at / g.out_w * CountsInRow(g.out_w, g.filter_w),
                       products + at);
          });
    }
  });
}

void SlopesOfCounts(const uint8_t* counts, int rows, int columns, int window,
                    float* slopes) {
  const float width = static_cast<float>(window);
  const bool halves = AreHalves(window);
  for (int row = 0; row < rows; ++row) {
    for (int i = 0; i < columns; ++i) {
      const int count =
          halves ? counts[i / 2] >> (i % 2 * 4) & 15 : int{counts[i]};
      slopes[i] = static_cast<float>(count) / width;
    }
    counts += CountsInRow(columns, window);
    slopes += columns;
  }
}

}  // namespace biotrain
