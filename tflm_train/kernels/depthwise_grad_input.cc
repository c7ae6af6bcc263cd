// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/depthwise.h"
#include "tflm_train/kernels/input_phase.h"
#include "tflm_train/kernels/lanes.h"
#include "tflm_train/kernels/tile.h"
#include "tflm_train/kernels/tile_sum.h"

namespace biotrain {
namespace {

// Without stride and dilation, a window of outputs slides along the taps, from
// the last tap to the first. Items are inputs, rows the M outputs of a channel.
struct SlidingRow {
  const ConvGeometry& g;
  const float* w;
  const float* dy;
  float* dx;  // [W,C]
  int batch_index;
  int ih;
  Range filter_rows;
  int channel;

  void Run(const TileKind& kind, int iw, int) const {
    const int multiplier = g.out_c / g.in_c;
    const int out = channel * multiplier;
    const int last_tap = g.filter_w - 1;
    const int left = iw + g.pad_left - last_tap;
    const bool inside = left >= 0 && iw + g.pad_left + kind.items <= g.out_w;
    const ItemSteps takes(inside ? 0 : kind.items, [&](int m) {
      return StepsInside(left + m, 1, g.out_w, g.filter_w);
    });
    TileSum sum(kind, dx + iw * g.in_c + channel, g.in_c);
    for (int kh = filter_rows.begin; kh < filter_rows.end; ++kh) {
      const int oh = OutputUnderTap(ih + g.pad_top - kh * g.dilation_h,
                                    g.stride_h, g.out_h);
      if (oh < 0) continue;
      const int dy_row = (batch_index * g.out_h + oh) * g.out_w;
      const Operand from_dy = {dy, (dy_row + left) * g.out_c + out, g.out_c,
                               g.out_c, 1};
      const Operand from_w = {w, (kh * g.filter_w + last_tap) * g.out_c + out,
                              1, -g.out_c, 1};
      sum.Add(from_dy, from_w, {{0, multiplier}, {0, g.filter_w}},
              inside ? nullptr : &takes);
    }
    sum.Finish();
  }
};

// Items are the inputs of one phase of a row, steps the M outputs of a channel.
struct PhaseOfRow {
  const ConvGeometry& g;
  const float* w;
  const float* dy;
  float* dx;  // [W,C]
  int batch_index;
  int ih;
  Range filter_rows;
  int channel;
  InputPhase phase;

  void Run(const TileKind& kind, int item, int) const {
    const int multiplier = g.out_c / g.in_c;
    const int out = channel * multiplier;
    TileSum sum(kind, dx + phase.Input(item) * g.in_c + channel,
                g.stride_w * g.in_c);
    for (int kh = filter_rows.begin; kh < filter_rows.end; ++kh) {
      const int oh = OutputUnderTap(ih + g.pad_top - kh * g.dilation_h,
                                    g.stride_h, g.out_h);
      if (oh < 0) continue;
      const int dy_row = (batch_index * g.out_h + oh) * g.out_w;
      const Operand from_dy = {
          dy, (dy_row + phase.first_output + item) * g.out_c + out, g.out_c, 1,
          -phase.output_step * g.out_c};
      const Operand from_w = {
          w, (kh * g.filter_w + phase.first_tap) * g.out_c + out, 1, 1,
          phase.tap_step * g.out_c};
      for (int tap = 0; tap < phase.taps; ++tap) {
        const ItemSteps takes(kind.items, [&](int m) {
          const int ow = phase.Output(item + m, tap);
          return Range{0, ow >= 0 && ow < g.out_w ? multiplier : 0};
        });
        sum.Add(from_dy, from_w, {{tap, tap + 1}, {0, multiplier}}, &takes);
      }
    }
    sum.Finish();
  }
};

// A filter of one column that moves one by one over the width: sums of a few
// terms, for which the weights are kept in registers along the row.
bool IsNarrow(const ConvGeometry& g) {
  return g.filter_w == 1 && g.stride_w == 1 && g.pad_left == 0 &&
         g.out_w == g.in_w && g.filter_h <= 64 &&
         (g.out_c == g.in_c || g.out_c == 2 * g.in_c);
}

template <int kMultiplier>
struct NarrowRow {
  const ConvGeometry& g;
  const float* w;
  const float* dy;
  float* dx;  // [W,C]
  int batch_index;
  int ih;
  Range filter_rows;

  template <int kLanes>
  void Run(int channel) const {
    bool first = true;
    for (int kh = filter_rows.begin; kh < filter_rows.end; ++kh) {
      const int oh = OutputUnderTap(ih + g.pad_top - kh * g.dilation_h,
                                    g.stride_h, g.out_h);
      if (oh < 0) continue;
      const int row = (batch_index * g.out_h + oh) * g.out_w;
      const float* taps = w + kh * g.out_c + channel * kMultiplier;
      const float* grads = dy + row * g.out_c + channel * kMultiplier;
      if (first) {
        AddTap<kLanes, Start::kZero>(taps, grads, dx + channel);
      } else {
        AddTap<kLanes, Start::kSums>(taps, grads, dx + channel);
      }
      first = false;
    }
    if (!first) return;
    for (int iw = 0; iw < g.in_w; ++iw) {
      for (int c = 0; c < kLanes; ++c) dx[iw * g.in_c + channel + c] = 0.0f;
    }
  }

 private:
  template <int kLanes, Start kStart>
  void AddTap(const float* taps, const float* grads, float* out) const {
    float weight[kLanes * kMultiplier];
    Repeat<kLanes * kMultiplier>([&](auto i) { weight[i] = taps[i]; });
    const int grad_step = g.out_c;
    const int out_step = g.in_c;
    for (int left = g.in_w; left > 0; --left) {
      Repeat<kLanes>([&](auto c) {
        float sum = kStart == Start::kZero ? 0.0f : out[c];
        Repeat<kMultiplier>([&](auto m) {
          constexpr int i = c * kMultiplier + m;
          sum = Fma(grads[i], weight[i], sum);
        });
        out[c] = sum;
      });
      grads += grad_step;
      out += out_step;
    }
  }
};

}  // namespace

void DepthwiseConv2DGradInput(const ConvGeometry& g, const float* w,
                              const float* dy, float* dx) {
  const bool slides = g.stride_w == 1 && g.dilation_w == 1;
  for (int b = 0; b < g.batch; ++b) {
    for (int ih = 0; ih < g.in_h; ++ih, dx += g.in_w * g.in_c) {
      const Range filter_rows = FilterRowsOver(g, ih);
      if (IsNarrow(g) && g.out_c == g.in_c) {
        ForEachLaneBlock(0, g.in_c,
                         NarrowRow<1>{g, w, dy, dx, b, ih, filter_rows});
        continue;
      }
      if (IsNarrow(g)) {
        ForEachLaneBlock(0, g.in_c,
                         NarrowRow<2>{g, w, dy, dx, b, ih, filter_rows});
        continue;
      }
      for (int channel = 0; channel < g.in_c; ++channel) {
        if (slides) {
          ForEachTile(kWindowByItemsGrid, g.in_w, {0, 1},
                      SlidingRow{g, w, dy, dx, b, ih, filter_rows, channel});
          continue;
        }
        for (int offset = 0; offset < g.stride_w && offset < g.in_w; ++offset) {
          const InputPhase phase(g, offset);
          ForEachTile(
              kStepsByOneGrid, phase.inputs, {0, 1},
              PhaseOfRow{g, w, dy, dx, b, ih, filter_rows, channel, phase});
        }
      }
    }
  }
}

}  // namespace biotrain
