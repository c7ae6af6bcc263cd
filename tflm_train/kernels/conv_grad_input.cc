// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/conv.h"
#include "tflm_train/kernels/depthwise.h"
#include "tflm_train/kernels/input_phase.h"
#include "tflm_train/kernels/tile_sum.h"

namespace biotrain {
namespace {

// Items are the inputs of one phase of a row, columns their channels.
struct GradInputPhase {
  const ConvGeometry& g;
  const float* w_hwio;
  const float* dy;
  float* dx;  // [W,Ci]
  int batch_index;
  int ih;
  Range filter_rows;
  InputPhase phase;

  void Run(const TileKind& kind, int item, int ci) const {
    TileSum sum(kind, dx + phase.Input(item) * g.in_c + ci,
                g.stride_w * g.in_c);
    for (int kh = filter_rows.begin; kh < filter_rows.end; ++kh) {
      const int oh = OutputUnderTap(ih + g.pad_top - kh * g.dilation_h,
                                    g.stride_h, g.out_h);
      if (oh < 0) continue;
      const int dy_row = (batch_index * g.out_h + oh) * g.out_w;
      const int w_tap = (kh * g.filter_w + phase.first_tap) * g.in_c + ci;
      const Operand from_dy = {dy,
                               (dy_row + phase.first_output + item) * g.out_c,
                               g.out_c, 1, -phase.output_step * g.out_c};
      const Operand from_w = {w_hwio, w_tap * g.out_c, g.out_c, 1,
                              phase.tap_step * g.in_c * g.out_c};
      if (phase.Inside(item, kind.items, g.out_w)) {
        sum.Add(from_dy, from_w, {{0, phase.taps}, {0, g.out_c}});
        continue;
      }
      for (int tap = 0; tap < phase.taps; ++tap) {
        const Terms terms = {{tap, tap + 1}, {0, g.out_c}};
        const int first = phase.Output(item, tap);
        if (first >= 0 && first + kind.items <= g.out_w) {
          sum.Add(from_dy, from_w, terms);
          continue;
        }
        const ItemSteps takes(kind.items, [&](int m) {
          const int ow = first + m;
          return Range{0, ow >= 0 && ow < g.out_w ? g.out_c : 0};
        });
        sum.Add(from_dy, from_w, terms, &takes);
      }
    }
    sum.Finish();
  }
};

}  // namespace

void Conv2DGradInput(const ConvGeometry& g, const float* w_hwio,
                     const float* dy, float* dx) {
  if (g.in_c == 1 && g.stride_w == 1 && g.dilation_w == 1) {
    // The same arrays and sums; there a window slides over the outputs.
    return DepthwiseConv2DGradInput(g, w_hwio, dy, dx);
  }
  for (int b = 0; b < g.batch; ++b) {
    for (int ih = 0; ih < g.in_h; ++ih, dx += g.in_w * g.in_c) {
      const Range filter_rows = FilterRowsOver(g, ih);
      for (int offset = 0; offset < g.stride_w && offset < g.in_w; ++offset) {
        const InputPhase phase(g, offset);
        ForEachTile(
            kStepsByStepsGrid, phase.inputs, {0, g.in_c},
            GradInputPhase{g, w_hwio, dy, dx, b, ih, filter_rows, phase});
      }
    }
  }
}

}  // namespace biotrain
