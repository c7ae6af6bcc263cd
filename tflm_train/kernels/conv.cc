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
  const TapRuns& runs;
  Operand from_x;  // of the first output, in the first run
  Operand from_w;
  Terms taps;  // of one run
  const float* bias;
  Activation activation;
  float* y;  // [OW,Co]

  void Run(const TileKind& kind, int ow, int co) const {
    Operand a = from_x.Skip(ow);
    Operand b = from_w.Skip(co);
    int left = ow * g.stride_w - g.pad_left;
    TileSum sum(kind, y + ow * g.out_c + co, g.out_c);
    for (int run = 0; run < runs.runs; ++run) {
      const int last = left + (kind.items - 1) * g.stride_w + runs.taps - 1;
      if (left >= 0 && last < g.in_w) {
        sum.Add(a, b, taps);
      } else {
        const ItemSteps takes(kind.items, [&](int m) {
          const Range inside =
              StepsInside(left + m * g.stride_w, 1, g.in_w, runs.taps);
          return Range{inside.begin * g.in_c, inside.end * g.in_c};
        });
        sum.Add(a, b, taps, &takes);
      }
      left += g.dilation_w;
      a.start += g.dilation_w * g.in_c;
      b.start += g.in_c;
    }
    sum.Finish(bias == nullptr ? nullptr : bias + co, activation);
  }
};

// Items are taps of one filter row with their input channels, columns output
// channels.
struct GradFilterRun {
  const ConvGeometry& g;
  Operand from_x;  // of the first tap in the first image
  Operand from_dy;
  Terms outputs;
  int first_left;  // where the first tap lies in the input
  float* dw;       // [taps * Ci,Co]

  void Run(const TileKind& kind, int item, int co) const {
    const int first = item / g.in_c;
    const int last = (item + kind.items - 1) / g.in_c;
    const auto steps_of = [&](int tap) {
      return StepsInside(first_left + tap, g.stride_w, g.in_w, g.out_w);
    };
    const ItemSteps takes = first == last
                                ? ItemSteps(steps_of(first))
                                : ItemSteps(kind.items, [&](int m) {
                                    return steps_of((item + m) / g.in_c);
                                  });
    const bool inside = takes.common.size() == g.out_w;
    Operand a = from_x.Skip(item);
    Operand b = from_dy.Skip(co);
    TileSum sum(kind, dw + item * g.out_c + co, g.out_c);
    for (int image = 0; image < g.batch; ++image) {
      sum.Add(a, b, outputs, inside ? nullptr : &takes);
      a.start += g.in_h * g.in_w * g.in_c;
      b.start += g.out_h * g.out_w * g.out_c;
    }
    sum.Finish();
  }
};

}  // namespace

void Conv2D(const ConvGeometry& g, const float* x, const float* w_ohwi,
            const float* bias, Activation activation, float* y) {
  const TileGrid& grid =
      SlidesOneByOne(g) ? kWindowByStepsGrid : kStepsByStepsGrid;
  const TapRuns runs(g);
  const int x_row = g.in_w * g.in_c;
  const int w_row = g.filter_w * g.in_c;
  const Operand from_w = {w_ohwi, 0, g.filter_h * w_row, 1, w_row};
  for (int b = 0; b < g.batch; ++b) {
    for (int oh = 0; oh < g.out_h; ++oh, y += g.out_w * g.out_c) {
      const int top = oh * g.stride_h - g.pad_top;
      const ForwardRow row = {
          g,
          runs,
          {x, (b * g.in_h + top) * x_row - g.pad_left * g.in_c,
           g.stride_w * g.in_c, 1, g.dilation_h * x_row},
          from_w,
          {StepsInside(top, g.dilation_h, g.in_h, g.filter_h),
           {0, runs.taps * g.in_c}},
          bias,
          activation,
          y};
      ForEachTile(grid, g.out_w, {0, g.out_c}, row);
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
  const int x_row = g.in_w * g.in_c;
  const Operand from_dy = {dy, 0, 1, g.out_c, g.out_w * g.out_c};
  for (int kh = 0; kh < g.filter_h; ++kh) {
    const int top = kh * g.dilation_h - g.pad_top;
    for (int run = 0; run < runs.runs; ++run, dw_hwio += items * g.out_c) {
      const int left = run * g.dilation_w - g.pad_left;
      const GradFilterRun grad = {
          g,
          {x, top * x_row + left * g.in_c, 1, g.stride_w * g.in_c,
           g.stride_h * x_row},
          from_dy,
          {StepsInside(top, g.stride_h, g.in_h, g.out_h), {0, g.out_w}},
          left,
          dw_hwio};
      ForEachTile(kItemsByItemsGrid, items, {0, g.out_c}, grad);
    }
  }
}

}  // namespace biotrain
