// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/depthwise.h"

#include "tflm_train/kernels/tile_sum.h"

namespace biotrain {
namespace {

// A channel with its M outputs is a convolution of its own. Outputs of a filter
// row without stride and dilation share all inputs but one, so that a window
// can slide; for short filters it pays more to do channels side by side.
bool Slides(const ConvGeometry& g) {
  const int terms = g.filter_w * (g.out_c / g.in_c);
  return g.stride_w == 1 && g.dilation_w == 1 && terms >= 32;
}

// A filter of one column, none of whose taps ever falls on padding, as the
// spatial filters over electrodes are: its sums can run down the column.
bool IsBareColumn(const ConvGeometry& g) {
  const int bottom =
      (g.out_h - 1) * g.stride_h + (g.filter_h - 1) * g.dilation_h - g.pad_top;
  const int right = (g.out_w - 1) * g.stride_w - g.pad_left;
  return g.filter_w == 1 && g.pad_top == 0 && g.pad_left == 0 &&
         bottom < g.in_h && right < g.in_w;
}

// Calls visit on items and the C*M outputs, which are columns. A tile stays
// within one channel unless its columns are lanes.
template <typename Visit>
void ForEachChannelTile(const ConvGeometry& g, int items, const Visit& visit) {
  const int multiplier = g.out_c / g.in_c;
  const bool slides = Slides(g);
  if (!slides && multiplier <= 2) {
    ForEachTile(multiplier == 1 ? kLaneOfOneByItemsGrid : kLaneOfTwoByItemsGrid,
                items, {0, g.out_c}, visit);
    return;
  }
  const TileGrid& grid = slides ? kWindowByItemsGrid : kNothingByItemsGrid;
  for (int out = 0; out < g.out_c; out += multiplier) {
    ForEachTile(grid, items, {out, out + multiplier}, visit);
  }
}

// Items are the outputs of one row.
struct ForwardRow {
  const ConvGeometry& g;
  Operand from_x;  // of the first output
  Operand from_w;
  Terms taps;
  const float* bias;
  Activation activation;
  float* y;  // [OW,C*M]

  void Run(const TileKind& kind, int ow, int out) const {
    const int left = ow * g.stride_w - g.pad_left;
    const int last =
        left + (kind.items - 1) * g.stride_w + (g.filter_w - 1) * g.dilation_w;
    Operand a = from_x.Skip(ow);
    a.start += out / (g.out_c / g.in_c);
    const Operand b = from_w.Skip(out);
    TileSum sum(kind, y + ow * g.out_c + out, g.out_c);
    // Always so for a bare column, whose steps are not those along the width.
    if (left >= 0 && last < g.in_w) {
      sum.Add(a, b, taps);
    } else {
      const ItemSteps takes(kind.items, [&](int m) {
        return StepsInside(left + m * g.stride_w, g.dilation_w, g.in_w,
                           taps.steps.end);
      });
      sum.Add(a, b, taps, &takes);
    }
    sum.Finish(bias == nullptr ? nullptr : bias + out, activation);
  }
};

// Items are taps, those of one filter row or all of a bare column.
struct GradFilterTaps {
  const ConvGeometry& g;
  Operand from_x;  // of tap 0 in the first image
  Operand from_dy;
  Terms outputs;
  int tap_step;  // how far the window moves to the right from tap to tap
  float* dw;     // [taps,C*M]

  void Run(const TileKind& kind, int tap, int out) const {
    const int left = tap * tap_step - g.pad_left;
    const int last =
        left + (kind.items - 1) * tap_step + (g.out_w - 1) * g.stride_w;
    const bool inside = left >= 0 && last < g.in_w;
    const ItemSteps takes(inside ? 0 : kind.items, [&](int m) {
      return StepsInside(left + m * tap_step, g.stride_w, g.in_w, g.out_w);
    });
    Operand a = from_x.Skip(tap);
    a.start += out / (g.out_c / g.in_c);
    Operand b = from_dy.Skip(out);
    TileSum sum(kind, dw + tap * g.out_c + out, g.out_c);
    for (int image = 0; image < g.batch; ++image) {
      sum.Add(a, b, outputs, inside ? nullptr : &takes);
      a.start += g.in_h * g.in_w * g.in_c;
      b.start += g.out_h * g.out_w * g.out_c;
    }
    sum.Finish();
  }
};

}  // namespace

void DepthwiseConv2D(const ConvGeometry& g, const float* x, const float* w,
                     const float* bias, Activation activation, float* y) {
  const int x_row = g.in_w * g.in_c;
  const bool down = IsBareColumn(g);
  const Operand from_w = {w, 0, 1, g.out_c, g.filter_w * g.out_c};
  for (int b = 0; b < g.batch; ++b) {
    for (int oh = 0; oh < g.out_h; ++oh, y += g.out_w * g.out_c) {
      const int top = oh * g.stride_h - g.pad_top;
      const Operand from_x = {
          x, (b * g.in_h + top) * x_row - g.pad_left * g.in_c,
          g.stride_w * g.in_c, g.dilation_w * g.in_c, g.dilation_h * x_row};
      const ForwardRow row = {
          g,
          down ? from_x.Transposed() : from_x,
          down ? from_w.Transposed() : from_w,
          down ? Terms{{0, 1}, {0, g.filter_h}}
               : Terms{StepsInside(top, g.dilation_h, g.in_h, g.filter_h),
                       {0, g.filter_w}},
          bias,
          activation,
          y};
      ForEachChannelTile(g, g.out_w, row);
    }
  }
}

void DepthwiseConv2DGradFilter(const ConvGeometry& g, const float* x,
                               const float* dy, float* dw) {
  const bool down = IsBareColumn(g);
  const int x_row = g.in_w * g.in_c;
  const int rows = down ? 1 : g.filter_h;
  const int taps = down ? g.filter_h : g.filter_w;
  const int tap_stride = down ? g.dilation_h * x_row : g.dilation_w * g.in_c;
  const Operand from_dy = {dy, 0, 1, g.out_c, g.out_w * g.out_c};
  for (int kh = 0; kh < rows; ++kh, dw += taps * g.out_c) {
    const int top = kh * g.dilation_h - g.pad_top;
    const GradFilterTaps grad = {
        g,
        {x, top * x_row - g.pad_left * g.in_c, tap_stride, g.stride_w * g.in_c,
         g.stride_h * x_row},
        from_dy,
        {StepsInside(top, g.stride_h, g.in_h, g.out_h), {0, g.out_w}},
        down ? 0 : g.dilation_w,
        dw};
    ForEachChannelTile(g, taps, grad);
  }
}

}  // namespace biotrain
