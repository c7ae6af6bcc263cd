// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/reference.h"

namespace biotrain {
namespace reference {
namespace {

// Offsets of a term of a convolution into its three arrays, channels first. A
// term on padding has no input.
struct Place {
  const ConvGeometry& g;
  int b, co, oh, ow, ci, kh, kw;

  int ih() const { return oh * g.stride_h + kh * g.dilation_h - g.pad_top; }
  int iw() const { return ow * g.stride_w + kw * g.dilation_w - g.pad_left; }
  bool Inside() const {
    return ih() >= 0 && ih() < g.in_h && iw() >= 0 && iw() < g.in_w;
  }
  int X() const { return ((b * g.in_c + ci) * g.in_h + ih()) * g.in_w + iw(); }
  // filter_ci: the input channel as the filter counts it, of `inputs`.
  int W(int filter_ci, int inputs) const {
    return ((co * inputs + filter_ci) * g.filter_h + kh) * g.filter_w + kw;
  }
  int Y() const { return ((b * g.out_c + co) * g.out_h + oh) * g.out_w + ow; }
};

// Calls visit(x, w, y) for every term of one output that is not on padding.
template <typename Visit>
void ForEachTap(const ConvGeometry& g, int b, int co, int oh, int ow, int ci,
                int filter_ci, int inputs, Visit visit) {
  for (int kh = 0; kh < g.filter_h; ++kh)
    for (int kw = 0; kw < g.filter_w; ++kw) {
      const Place at = {g, b, co, oh, ow, ci, kh, kw};
      if (at.Inside()) visit(at.X(), at.W(filter_ci, inputs), at.Y());
    }
}

template <typename Visit>
void ForEachTerm(const ConvGeometry& g, Visit visit) {
  for (int b = 0; b < g.batch; ++b)
    for (int co = 0; co < g.out_c; ++co)
      for (int oh = 0; oh < g.out_h; ++oh)
        for (int ow = 0; ow < g.out_w; ++ow)
          for (int ci = 0; ci < g.in_c; ++ci)
            ForEachTap(g, b, co, oh, ow, ci, ci, g.in_c, visit);
}

// The same for a depthwise convolution: an output channel sees the one input
// channel it was made of.
template <typename Visit>
void ForEachDepthwiseTerm(const ConvGeometry& g, Visit visit) {
  const int multiplier = g.out_c / g.in_c;
  for (int b = 0; b < g.batch; ++b)
    for (int co = 0; co < g.out_c; ++co)
      for (int oh = 0; oh < g.out_h; ++oh)
        for (int ow = 0; ow < g.out_w; ++ow)
          ForEachTap(g, b, co, oh, ow, co / multiplier, 0, 1, visit);
}

// Calls visit(input offset, output offset) for every input in every window.
template <typename Visit>
void ForEachPooled(const PoolGeometry& g, Visit visit) {
  for (int b = 0; b < g.batch; ++b)
    for (int oh = 0; oh < g.out_h; ++oh)
      for (int ow = 0; ow < g.out_w; ++ow)
        for (int c = 0; c < g.channels; ++c)
          for (int kh = 0; kh < g.filter_h; ++kh)
            for (int kw = 0; kw < g.filter_w; ++kw) {
              const int ih = oh * g.stride_h + kh - g.pad_top;
              const int iw = ow * g.stride_w + kw - g.pad_left;
              if (ih < 0 || ih >= g.in_h || iw < 0 || iw >= g.in_w) continue;
              const int plane = b * g.channels + c;
              visit((plane * g.in_h + ih) * g.in_w + iw,
                    (plane * g.out_h + oh) * g.out_w + ow);
            }
}

template <typename Real>
void Fill(Real* values, int n, Real value) {
  for (int i = 0; i < n; ++i) values[i] = value;
}

int InputElements(const ConvGeometry& g) {
  return g.batch * g.in_h * g.in_w * g.in_c;
}

int OutputElements(const ConvGeometry& g) {
  return g.batch * g.out_h * g.out_w * g.out_c;
}

int InputElements(const PoolGeometry& g) {
  return g.batch * g.in_h * g.in_w * g.channels;
}

int OutputElements(const PoolGeometry& g) {
  return g.batch * g.out_h * g.out_w * g.channels;
}

template <typename Real>
void AddBiasAndActivate(const Real* bias, Activation activation,
                        const ConvGeometry& g, Real* y) {
  for (int i = 0; i < OutputElements(g); ++i) {
    if (bias != nullptr) y[i] += bias[i / (g.out_h * g.out_w) % g.out_c];
    if (activation == Activation::kNone) continue;
    if (y[i] < 0) y[i] = 0;
    if (activation == Activation::kRelu6 && y[i] > 6) y[i] = 6;
  }
}

int WindowSize(const PoolGeometry& g, int output) {
  int count = 0;
  ForEachPooled(g, [&](int, int visited) { count += visited == output; });
  return count;
}

}  // namespace

template <typename Real>
void Conv2D(const ConvGeometry& g, const Real* x, const Real* w,
            const Real* bias, Activation activation, Real* y) {
  Fill(y, OutputElements(g), Real{0});
  ForEachTerm(g, [&](int ix, int iw, int iy) { y[iy] += x[ix] * w[iw]; });
  AddBiasAndActivate(bias, activation, g, y);
}

template <typename Real>
void Conv2DGradFilter(const ConvGeometry& g, const Real* x, const Real* dy,
                      Real* dw) {
  Fill(dw, g.filter_h * g.filter_w * g.in_c * g.out_c, Real{0});
  ForEachTerm(g, [&](int ix, int iw, int iy) { dw[iw] += x[ix] * dy[iy]; });
}

template <typename Real>
void Conv2DGradInput(const ConvGeometry& g, const Real* w, const Real* dy,
                     Real* dx) {
  Fill(dx, InputElements(g), Real{0});
  ForEachTerm(g, [&](int ix, int iw, int iy) { dx[ix] += w[iw] * dy[iy]; });
}

template <typename Real>
void DepthwiseConv2D(const ConvGeometry& g, const Real* x, const Real* w,
                     const Real* bias, Activation activation, Real* y) {
  Fill(y, OutputElements(g), Real{0});
  ForEachDepthwiseTerm(g,
                       [&](int ix, int iw, int iy) { y[iy] += x[ix] * w[iw]; });
  AddBiasAndActivate(bias, activation, g, y);
}

template <typename Real>
void DepthwiseConv2DGradFilter(const ConvGeometry& g, const Real* x,
                               const Real* dy, Real* dw) {
  Fill(dw, g.filter_h * g.filter_w * g.out_c, Real{0});
  ForEachDepthwiseTerm(
      g, [&](int ix, int iw, int iy) { dw[iw] += x[ix] * dy[iy]; });
}

template <typename Real>
void DepthwiseConv2DGradInput(const ConvGeometry& g, const Real* w,
                              const Real* dy, Real* dx) {
  Fill(dx, InputElements(g), Real{0});
  ForEachDepthwiseTerm(
      g, [&](int ix, int iw, int iy) { dx[ix] += w[iw] * dy[iy]; });
}

template <typename Real>
void AveragePool2D(const PoolGeometry& g, const Real* x, Real* y) {
  Fill(y, OutputElements(g), Real{0});
  ForEachPooled(g, [&](int input, int output) { y[output] += x[input]; });
  for (int output = 0; output < OutputElements(g); ++output) {
    y[output] /= static_cast<Real>(WindowSize(g, output));
  }
}

template <typename Real>
void AveragePool2DGrad(const PoolGeometry& g, const Real* dy, Real* dx) {
  Fill(dx, InputElements(g), Real{0});
  ForEachPooled(g, [&](int input, int output) {
    dx[input] += dy[output] / static_cast<Real>(WindowSize(g, output));
  });
}

template <typename Real>
void MaxPool2D(const PoolGeometry& g, const Real* x, Real* y) {
  Fill(y, OutputElements(g), Real{-3.4e38f});
  ForEachPooled(g, [&](int input, int output) {
    if (x[input] > y[output]) y[output] = x[input];
  });
}

template <typename Real>
void MaxPool2DGrad(const PoolGeometry& g, const Real* x, const Real* dy,
                   Real* dx) {
  Fill(dx, InputElements(g), Real{0});
  for (int output = 0; output < OutputElements(g); ++output) {
    int winner = -1;
    ForEachPooled(g, [&](int input, int visited) {
      if (visited != output) return;
      if (winner < 0 || x[input] > x[winner]) winner = input;
    });
    if (winner >= 0) dx[winner] += dy[output];
  }
}

template void Conv2D(const ConvGeometry&, const float*, const float*,
                     const float*, Activation, float*);
template void Conv2DGradFilter(const ConvGeometry&, const float*, const float*,
                               float*);
template void Conv2DGradInput(const ConvGeometry&, const float*, const float*,
                              float*);
template void DepthwiseConv2D(const ConvGeometry&, const float*, const float*,
                              const float*, Activation, float*);
template void DepthwiseConv2DGradFilter(const ConvGeometry&, const float*,
                                        const float*, float*);
template void DepthwiseConv2DGradInput(const ConvGeometry&, const float*,
                                       const float*, float*);
template void AveragePool2D(const PoolGeometry&, const float*, float*);
template void AveragePool2DGrad(const PoolGeometry&, const float*, float*);
template void MaxPool2D(const PoolGeometry&, const float*, float*);
template void MaxPool2DGrad(const PoolGeometry&, const float*, const float*,
                            float*);
template void Conv2D(const ConvGeometry&, const double*, const double*,
                     const double*, Activation, double*);
template void Conv2DGradFilter(const ConvGeometry&, const double*,
                               const double*, double*);
template void Conv2DGradInput(const ConvGeometry&, const double*, const double*,
                              double*);
template void DepthwiseConv2D(const ConvGeometry&, const double*, const double*,
                              const double*, Activation, double*);
template void DepthwiseConv2DGradFilter(const ConvGeometry&, const double*,
                                        const double*, double*);
template void DepthwiseConv2DGradInput(const ConvGeometry&, const double*,
                                       const double*, double*);
template void AveragePool2D(const PoolGeometry&, const double*, double*);
template void AveragePool2DGrad(const PoolGeometry&, const double*, double*);
template void MaxPool2D(const PoolGeometry&, const double*, double*);
template void MaxPool2DGrad(const PoolGeometry&, const double*, const double*,
                            double*);

}  // namespace reference
}  // namespace biotrain
