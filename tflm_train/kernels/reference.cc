// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/reference.h"

namespace biotrain {
namespace reference {
namespace {

// One multiply-accumulate of a convolution, as offsets into its three arrays.
struct Term {
  int x;
  int w_ohwi;
  int w_hwio;
  int y;
};

// Calls visit for every term of a convolution that does not fall on padding.
template <typename Visit>
void ForEachTerm(const ConvGeometry& g, Visit visit) {
  for (int b = 0; b < g.batch; ++b)
    for (int oh = 0; oh < g.out_h; ++oh)
      for (int ow = 0; ow < g.out_w; ++ow)
        for (int co = 0; co < g.out_c; ++co)
          for (int kh = 0; kh < g.filter_h; ++kh)
            for (int kw = 0; kw < g.filter_w; ++kw)
              for (int ci = 0; ci < g.in_c; ++ci) {
                const int ih = oh * g.stride_h + kh * g.dilation_h - g.pad_top;
                const int iw = ow * g.stride_w + kw * g.dilation_w - g.pad_left;
                if (ih < 0 || ih >= g.in_h || iw < 0 || iw >= g.in_w) continue;
                const int tap = kh * g.filter_w + kw;
                const int taps = g.filter_h * g.filter_w;
                Term term;
                term.x = ((b * g.in_h + ih) * g.in_w + iw) * g.in_c + ci;
                term.w_ohwi = (co * taps + tap) * g.in_c + ci;
                term.w_hwio = (tap * g.in_c + ci) * g.out_c + co;
                term.y = ((b * g.out_h + oh) * g.out_w + ow) * g.out_c + co;
                visit(term);
              }
}

// The same for a depthwise convolution, whose filter has only one layout: an
// output channel sees the one input channel it was made of.
template <typename Visit>
void ForEachDepthwiseTerm(const ConvGeometry& g, Visit visit) {
  const int multiplier = g.out_c / g.in_c;
  for (int b = 0; b < g.batch; ++b)
    for (int oh = 0; oh < g.out_h; ++oh)
      for (int ow = 0; ow < g.out_w; ++ow)
        for (int co = 0; co < g.out_c; ++co)
          for (int kh = 0; kh < g.filter_h; ++kh)
            for (int kw = 0; kw < g.filter_w; ++kw) {
              const int ih = oh * g.stride_h + kh * g.dilation_h - g.pad_top;
              const int iw = ow * g.stride_w + kw * g.dilation_w - g.pad_left;
              if (ih < 0 || ih >= g.in_h || iw < 0 || iw >= g.in_w) continue;
              const int ci = co / multiplier;
              const int x = ((b * g.in_h + ih) * g.in_w + iw) * g.in_c + ci;
              const int w = (kh * g.filter_w + kw) * g.out_c + co;
              const int y = ((b * g.out_h + oh) * g.out_w + ow) * g.out_c + co;
              visit(x, w, y);
            }
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
              visit(((b * g.in_h + ih) * g.in_w + iw) * g.channels + c,
                    ((b * g.out_h + oh) * g.out_w + ow) * g.channels + c);
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
void AddBiasAndActivate(const Real* bias, Activation activation, int n,
                        int channels, Real* y) {
  for (int i = 0; i < n; ++i) {
    if (bias != nullptr) y[i] += bias[i % channels];
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
void Conv2D(const ConvGeometry& g, const Real* x, const Real* w_ohwi,
            const Real* bias, Activation activation, Real* y) {
  Fill(y, OutputElements(g), Real{0});
  ForEachTerm(g, [&](const Term& t) { y[t.y] += x[t.x] * w_ohwi[t.w_ohwi]; });
  AddBiasAndActivate(bias, activation, OutputElements(g), g.out_c, y);
}

template <typename Real>
void Conv2DGradFilter(const ConvGeometry& g, const Real* x, const Real* dy,
                      Real* dw_hwio) {
  Fill(dw_hwio, g.filter_h * g.filter_w * g.in_c * g.out_c, Real{0});
  ForEachTerm(g, [&](const Term& t) { dw_hwio[t.w_hwio] += x[t.x] * dy[t.y]; });
}

template <typename Real>
void Conv2DGradInput(const ConvGeometry& g, const Real* w_hwio, const Real* dy,
                     Real* dx) {
  Fill(dx, InputElements(g), Real{0});
  ForEachTerm(g, [&](const Term& t) { dx[t.x] += w_hwio[t.w_hwio] * dy[t.y]; });
}

template <typename Real>
void DepthwiseConv2D(const ConvGeometry& g, const Real* x, const Real* w,
                     const Real* bias, Activation activation, Real* y) {
  Fill(y, OutputElements(g), Real{0});
  ForEachDepthwiseTerm(g,
                       [&](int ix, int iw, int iy) { y[iy] += x[ix] * w[iw]; });
  AddBiasAndActivate(bias, activation, OutputElements(g), g.out_c, y);
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
