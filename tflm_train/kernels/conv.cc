// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/conv.h"

#include "tflm_train/kernels/depthwise.h"
#include "tflm_train/kernels/tile_sum.h"

namespace biotrain {
namespace {

// Without dilation the taps of a filter row, with their channels, are one run
// of neighbours in the input. With dilation every tap is a run of its own.
struct TapRuns {
  int runs;
  int taps;  // in each

  explicit TapRuns(const ConvGeometry& g)
      : runs(g.dilation_w == 1 ? 1 : g.filter_w),
        taps(g.dilation_w == 1 ? g.filter_w : 1) {}
};

bool SlidesOneByOne(const ConvGeometry& g) {
  return g.in_c == 1 && g.stride_w == 1 && g.dilation_w == 1;
}

// Items are the outputs of one row, columns their channels.
struct ForwardRow {
  const ConvGeometry& g;
  const float* x;
  const float* w_ohwi;
  const float* bias;
  Activation activation;
  float* y;   // [OW,Co]
  int x_row;  // offset of the input row under tap 0, maybe on padding
  Range filter_rows;

  template <int kM, int kN, Contiguous kA, Contiguous kB>
  void Run(int ow, int co) const {
    const TapRuns runs(g);
    const int w_row = g.filter_w * g.in_c;
    TileSum<kM, kN, kA, kB> sum;
    for (int run = 0; run < runs.runs; ++run) {
      const int left = ow * g.stride_w + run * g.dilation_w - g.pad_left;
      const Operand a = {x, x_row + left * g.in_c, g.stride_w * g.in_c, 1,
                         g.dilation_h * g.in_w * g.in_c};
      const Operand b = {w_ohwi, co * g.filter_h * w_row + run * g.in_c,
                         g.filter_h * w_row, 1, w_row};
      sum.Add(a, b, filter_rows, runs.taps * g.in_c,
              Takes<kM>(left, runs.taps));
    }
    sum.Store(y + ow * g.out_c + co, g.out_c,
              bias == nullptr ? nullptr : bias + co, activation);
  }

 private:
  template <int kM>
  ItemSteps<kM> Takes(int left, int taps) const {
    const int last = left + (kM - 1) * g.stride_w + taps - 1;
    if (left >= 0 && last < g.in_w) {
      return ItemSteps<kM>::All(taps * g.in_c);
    }
    return ItemSteps<kM>::Each([&](int m) {
      const Range range = StepsInside(left + m * g.stride_w, 1, g.in_w, taps);
      return Range{range.begin * g.in_c, range.end * g.in_c};
    });
  }
};

// Items are taps of one filter row with their input channels, columns output
// channels.
struct GradFilterRun {
  const ConvGeometry& g;
  const float* x;
  const float* dy;
  float* dw;  // [taps * Ci,Co]
  int kh;
  int first_tap;
  Range output_rows;

  template <int kM, int kN, Contiguous kA, Contiguous kB>
  void Run(int item, int co) const {
    const int x_row = g.in_w * g.in_c;
    const int top = kh * g.dilation_h - g.pad_top;
    const int left = first_tap * g.dilation_w - g.pad_left;
    const ItemSteps<kM> takes = ItemSteps<kM>::Each([&](int m) {
      const int tap = (item + m) / g.in_c;
      return StepsInside(left + tap, g.stride_w, g.in_w, g.out_w);
    });
    TileSum<kM, kN, kA, kB> sum;
    for (int b = 0; b < g.batch; ++b) {
      const Operand from_x = {x,
                              (b * g.in_h + top) * x_row + left * g.in_c + item,
                              1, g.stride_w * g.in_c, g.stride_h * x_row};
      const Operand from_dy = {dy, b * g.out_h * g.out_w * g.out_c + co, 1,
                               g.out_c, g.out_w * g.out_c};
      sum.Add(from_x, from_dy, output_rows, g.out_w, takes);
    }
    sum.Store(dw + item * g.out_c + co, g.out_c);
  }
};

}  // namespace

void Conv2D(const ConvGeometry& g, const float* x, const float* w_ohwi,
            const float* bias, Activation activation, float* y) {
  for (int b = 0; b < g.batch; ++b) {
    for (int oh = 0; oh < g.out_h; ++oh) {
      const int top = oh * g.stride_h - g.pad_top;
      const ForwardRow row = {
          g,
          x,
          w_ohwi,
          bias,
          activation,
          y + (b * g.out_h + oh) * g.out_w * g.out_c,
          (b * g.in_h + top) * g.in_w * g.in_c,
          StepsInside(top, g.dilation_h, g.in_h, g.filter_h)};
      if (SlidesOneByOne(g)) {
        ForEachTile<8, 2, Contiguous::kWindow, Contiguous::kSteps>(
            g.out_w, {0, g.out_c}, row);
      } else {
        ForEachTile<4, 4, Contiguous::kSteps, Contiguous::kSteps>(
            g.out_w, {0, g.out_c}, row);
      }
    }
  }
}

void Conv2DGradFilter(const ConvGeometry& g, const float* x, const float* dy,
                      float* dw_hwio) {
  if (SlidesOneByOne(g)) {
    // The same arrays and sums; there a window slides over the input.
    return DepthwiseConv2DGradFilter(g, x, dy, dw_hwio);
  }
  const TapRuns runs(g);
  const int items = runs.taps * g.in_c;
  for (int kh = 0; kh < g.filter_h; ++kh) {
    const int top = kh * g.dilation_h - g.pad_top;
    for (int run = 0; run < runs.runs; ++run) {
      const GradFilterRun grad = {
          g,
          x,
          dy,
          dw_hwio + (kh * runs.runs + run) * items * g.out_c,
          kh,
          run,
          StepsInside(top, g.stride_h, g.in_h, g.out_h)};
      ForEachTile<4, 4, Contiguous::kItems, Contiguous::kItems>(
          items, {0, g.out_c}, grad);
    }
  }
}

}  // namespace biotrain
