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
// within one channel unless it is told that its columns are lanes.
template <typename Visit>
void ForEachChannelTile(const ConvGeometry& g, int items, const Visit& visit) {
  constexpr Contiguous kItems = Contiguous::kItems;
  const int multiplier = g.out_c / g.in_c;
  if (!Slides(g) && multiplier == 1) {
    ForEachTile<6, 4, Contiguous::kLaneOfOne, kItems>(items, {0, g.out_c},
                                                      visit);
    return;
  }
  if (!Slides(g) && multiplier == 2) {
    ForEachTile<6, 4, Contiguous::kLaneOfTwo, kItems>(items, {0, g.out_c},
                                                      visit);
    return;
  }
  for (int out = 0; out < g.out_c; out += multiplier) {
    if (Slides(g)) {
      ForEachTile<8, 2, Contiguous::kWindow, kItems>(
          items, {out, out + multiplier}, visit);
    } else {
      ForEachTile<8, 2, Contiguous::kNothing, kItems>(
          items, {out, out + multiplier}, visit);
    }
  }
}

// Items are the outputs of one row.
struct ForwardRow {
  const ConvGeometry& g;
  const float* x;
  const float* w;
  const float* bias;
  Activation activation;
  float* y;  // [OW,C*M]
  int batch_index;
  int top;

  template <int kM, int kN, Contiguous kA, Contiguous kB>
  void Run(int ow, int out) const {
    const int left = ow * g.stride_w - g.pad_left;
    const int channel = out / (g.out_c / g.in_c);
    const int x_row = g.in_w * g.in_c;
    const Operand from_x = {
        x, (batch_index * g.in_h + top) * x_row + left * g.in_c + channel,
        g.stride_w * g.in_c, g.dilation_w * g.in_c, g.dilation_h * x_row};
    const Operand from_w = {w, out, 1, g.out_c, g.filter_w * g.out_c};
    TileSum<kM, kN, kA, kB> sum;
    if (IsBareColumn(g)) {
      sum.AddAll(from_x.Transposed(), from_w.Transposed(), {0, 1}, g.filter_h);
    } else {
      const Range rows = StepsInside(top, g.dilation_h, g.in_h, g.filter_h);
      sum.Add(from_x, from_w, rows, g.filter_w, Takes<kM>(left));
    }
    sum.Store(y + ow * g.out_c + out, g.out_c,
              bias == nullptr ? nullptr : bias + out, activation);
  }

 private:
  template <int kM>
  ItemSteps<kM> Takes(int left) const {
    const int last =
        left + (kM - 1) * g.stride_w + (g.filter_w - 1) * g.dilation_w;
    if (left >= 0 && last < g.in_w) return ItemSteps<kM>::All(g.filter_w);
    return ItemSteps<kM>::Each([&](int m) {
      return StepsInside(left + m * g.stride_w, g.dilation_w, g.in_w,
                         g.filter_w);
    });
  }
};

// Items are taps, those of one filter row or all of a bare column.
struct GradFilterTaps {
  const ConvGeometry& g;
  const float* x;
  const float* dy;
  float* dw;  // [taps,C*M]
  int kh;

  template <int kM, int kN, Contiguous kA, Contiguous kB>
  void Run(int tap, int out) const {
    const int channel = out / (g.out_c / g.in_c);
    const int x_row = g.in_w * g.in_c;
    const bool down = IsBareColumn(g);
    const int top = kh * g.dilation_h - g.pad_top;
    const int tap_stride = down ? g.dilation_h * x_row : g.dilation_w * g.in_c;
    const Range rows = StepsInside(top, g.stride_h, g.in_h, g.out_h);
    const ItemSteps<kM> takes = ItemSteps<kM>::Each([&](int m) {
      const int left = down ? 0 : (tap + m) * g.dilation_w - g.pad_left;
      return StepsInside(left, g.stride_w, g.in_w, g.out_w);
    });
    TileSum<kM, kN, kA, kB> sum;
    for (int b = 0; b < g.batch; ++b) {
      const Operand from_x = {x,
                              (b * g.in_h + top) * x_row - g.pad_left * g.in_c +
                                  tap * tap_stride + channel,
                              tap_stride, g.stride_w * g.in_c,
                              g.stride_h * x_row};
      const Operand from_dy = {dy, b * g.out_h * g.out_w * g.out_c + out, 1,
                               g.out_c, g.out_w * g.out_c};
      sum.Add(from_x, from_dy, rows, g.out_w, takes);
    }
    sum.Store(dw + tap * g.out_c + out, g.out_c);
  }
};

}  // namespace

void DepthwiseConv2D(const ConvGeometry& g, const float* x, const float* w,
                     const float* bias, Activation activation, float* y) {
  for (int b = 0; b < g.batch; ++b) {
    for (int oh = 0; oh < g.out_h; ++oh, y += g.out_w * g.out_c) {
      const int top = oh * g.stride_h - g.pad_top;
      ForEachChannelTile(g, g.out_w,
                         ForwardRow{g, x, w, bias, activation, y, b, top});
    }
  }
}

void DepthwiseConv2DGradFilter(const ConvGeometry& g, const float* x,
                               const float* dy, float* dw) {
  const int rows = IsBareColumn(g) ? 1 : g.filter_h;
  const int taps = IsBareColumn(g) ? g.filter_h : g.filter_w;
  for (int kh = 0; kh < rows; ++kh, dw += taps * g.out_c) {
    ForEachChannelTile(g, taps, GradFilterTaps{g, x, dy, dw, kh});
  }
}

}  // namespace biotrain
