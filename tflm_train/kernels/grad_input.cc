// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/grad_input.h"

#include "tflm_train/kernels/conv.h"
#include "tflm_train/kernels/correlate.h"
#include "tflm_train/kernels/depthwise.h"
#include "tflm_train/kernels/input_phase.h"

namespace biotrain {
namespace {

// A filter over all rows and of one column, as the spatial filters over
// electrodes are: every row of inputs meets one row of taps.
bool SpansHeight(const ConvGeometry& g) {
  return g.in_h > 1 && g.out_h == 1 && g.filter_h == g.in_h &&
         g.dilation_h == 1 && g.pad_top == 0 && g.filter_w == 1 &&
         g.stride_w == 1 && g.pad_left == 0 && g.out_w == g.in_w;
}

void GradInputOfSpan(const ConvGeometry& g, const InputGradient& grad) {
  for (int input = 0; input < grad.inputs; ++input) {
    Correlate({{grad.dy, 1, 1, 0, g.out_w},
               g.out_w,
               0,
               {grad.w + input * g.in_h, 1, 1, 0, grad.inputs * g.in_h},
               {grad.outputs, 1, 1},
               {grad.dx + input * g.in_h * g.in_w, 1, g.in_w},
               g.in_w,
               g.in_h},
              {1, 1, 1, 0, 1, 0});
  }
}

}  // namespace

void GradInput(const ConvGeometry& g, const InputGradient& grad,
               const FastFilters& fast) {
  if (SpansHeight(g)) return GradInputOfSpan(g, grad);
  const int filter = g.filter_h * g.filter_w;
  for (int row = 0; row < g.stride_h && row < g.in_h; ++row) {
    const InputPhase down(g.stride_h, g.dilation_h, g.pad_top, g.filter_h, row);
    const LineStack lines = {(g.in_h - row + g.stride_h - 1) / g.stride_h,
                             1,
                             down.output_step,
                             down.pad,
                             g.out_h,
                             g.stride_h * g.in_w};
    for (int offset = 0; offset < g.stride_w && offset < g.in_w; ++offset) {
      const InputPhase along(g.stride_w, g.dilation_w, g.pad_left, g.filter_w,
                             offset);
      fast.Run(
          {{grad.dy, 1, along.output_step, down.output_step * g.out_w,
            g.out_h * g.out_w},
           g.out_w,
           along.pad,
           {grad.w + down.last_tap * g.filter_w + along.last_tap, filter,
            -along.tap_step, -down.tap_step * g.filter_w, grad.inputs * filter},
           {grad.outputs, down.taps, along.taps},
           {grad.dx + row * g.in_w + offset, g.stride_w, g.in_h * g.in_w},
           (g.in_w - offset + g.stride_w - 1) / g.stride_w,
           grad.inputs},
          lines);
    }
  }
}

void Conv2DGradInput(const ConvGeometry& g, const float* w, const float* dy,
                     float* dx) {
  const FastFilters slow(nullptr, 0, 0);
  for (int b = 0; b < g.batch; ++b) {
    GradInput(g, {w, dy, g.out_c, dx, g.in_c}, slow);
    dy += g.out_c * g.out_h * g.out_w;
    dx += g.in_c * g.in_h * g.in_w;
  }
}

void DepthwiseConv2DGradInput(const ConvGeometry& g, const float* w,
                              const float* dy, float* dx, float* workspace) {
  const int multiplier = g.out_c / g.in_c;
  const int taps = g.filter_h * g.filter_w;
  const FastFilters fast(DepthwiseWorkspace(g) > 0 ? workspace : nullptr, taps,
                         1);
  for (int channel = 0; channel < g.in_c; ++channel) {
    const float* const filters = w + channel * multiplier * taps;
    fast.Pack(filters + taps - 1, -1);
    for (int image = 0; image < g.batch; ++image) {
      const int plane = image * g.in_c + channel;
      GradInput(g,
                {filters, dy + plane * multiplier * g.out_h * g.out_w,
                 multiplier, dx + plane * g.in_h * g.in_w, 1},
                fast);
    }
  }
}

}  // namespace biotrain
