// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/conv.h"

#include "tflm_train/kernels/fast_filters.h"

namespace biotrain {

int ConvWorkspace(const ConvGeometry& g) {
  return g.in_c == 1 && SlidesFast(g) ? FastFirFloats(g.filter_w, g.out_c) : 0;
}

void Conv2D(const ConvGeometry& g, const float* x, const float* w,
            const float* bias, Activation activation, float* y,
            float* workspace) {
  const FastFilters fast(ConvWorkspace(g) > 0 ? workspace : nullptr, g.filter_w,
                         g.out_c);
  fast.Pack(w, 1);
  const int x_plane = g.in_h * g.in_w;
  const int taps = g.filter_h * g.filter_w;
  const int y_plane = g.out_h * g.out_w;
  const LineStack down = {g.out_h,   g.stride_h, g.dilation_h,
                          g.pad_top, g.in_h,     g.out_w};
  for (int b = 0; b < g.batch; ++b) {
    const Sums to = {y, 1, y_plane};
    fast.Run({{x, g.stride_w, g.dilation_w, g.dilation_h * g.in_w, x_plane},
              g.in_w,
              g.pad_left,
              {w, g.in_c * taps, 1, g.filter_w, taps},
              {g.in_c, g.filter_h, g.filter_w},
              to,
              g.out_w,
              g.out_c},
             down);
    Finish(to, y_plane, g.out_c, bias, activation);
    x += g.in_c * x_plane;
    y += g.out_c * y_plane;
  }
}

}  // namespace biotrain
