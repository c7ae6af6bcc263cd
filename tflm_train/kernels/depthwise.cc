// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/depthwise.h"

#include "tflm_train/kernels/fast_filters.h"

namespace biotrain {

int DepthwiseWorkspace(const ConvGeometry& g) {
  // A gradient adds up several filters where there are several.
  return SlidesFast(g) && g.out_c == g.in_c ? FastFirFloats(g.filter_w, 1) : 0;
}

void DepthwiseConv2D(const ConvGeometry& g, const float* x, const float* w,
                     const float* bias, Activation activation, float* y,
                     float* workspace) {
  // A channel with its outputs is a convolution of its own.
  const int multiplier = g.out_c / g.in_c;
  const int taps = g.filter_h * g.filter_w;
  const int x_plane = g.in_h * g.in_w;
  const int y_plane = g.out_h * g.out_w;
  const FastFilters fast(DepthwiseWorkspace(g) > 0 ? workspace : nullptr, taps,
                         1);
  const LineStack down = {g.out_h,   g.stride_h, g.dilation_h,
                          g.pad_top, g.in_h,     g.out_w};
  for (int channel = 0; channel < g.in_c; ++channel) {
    const int first = channel * multiplier;
    fast.Pack(w + first * taps, 1);
    for (int image = 0; image < g.batch; ++image) {
      const float* const from = x + (image * g.in_c + channel) * x_plane;
      float* const plane = y + (image * g.out_c + first) * y_plane;
      const Sums to = {plane, 1, y_plane};
      fast.Run({{from, g.stride_w, g.dilation_w, g.dilation_h * g.in_w, 0},
                g.in_w,
                g.pad_left,
                {w + first * taps, taps, 1, g.filter_w, 0},
                {1, g.filter_h, g.filter_w},
                to,
                g.out_w,
                multiplier},
               down);
      Finish(to, y_plane, multiplier, bias == nullptr ? nullptr : bias + first,
             activation);
    }
  }
}

}  // namespace biotrain
