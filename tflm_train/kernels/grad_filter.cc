// SPDX-License-Identifier: Apache-2.0
// Sums are long here: over all outputs of a batch. Those of an image, or of a
// line, are finished before they join the others, which keeps rounding small.
#include "tflm_train/kernels/grad_filter.h"

#include "tflm_train/kernels/conv.h"
#include "tflm_train/kernels/depthwise.h"
#include "tflm_train/kernels/fast_filters.h"
#include "tflm_train/kernels/gather.h"
#include "tflm_train/kernels/tile_grid.h"

namespace biotrain {
namespace {

// A tile of sums over the batch, finished part by part.
class BatchSums {
 public:
  BatchSums(const Sums& sums, int items, int columns)
      : sums_(sums), items_(items), columns_(columns) {}

  // Where the next part is to be written, or added to. The first is where the
  // sums are to be, if its items may be neighbours there.
  Sums Part() { return InPlace() ? sums_ : Sums{part_, 1, items_}; }
  void Join() {
    if (!InPlace()) Add();
    first_ = false;
  }
  void SaveIfEmpty() {
    if (!first_) return;
    for (float& part : part_) part = 0.0f;
    Add();
  }

 private:
  bool InPlace() const { return first_ && sums_.item == 1; }
  void Add() {
    for (int n = 0; n < columns_; ++n) {
      float* to = sums_.Skip(0, n).at;
      for (int m = 0; m < items_; ++m, to += sums_.item) {
        const float part = part_[n * items_ + m];
        *to = first_ ? part : *to + part;
      }
    }
  }

  Sums sums_;
  int items_;
  int columns_;
  bool first_ = true;
  float part_[4 * kLongFilter];
};

// One row of taps of the filter, for all inputs and outputs.
struct TapRow {
  const ConvGeometry& g;
  const FilterGradient& grad;
  int kh;
  int top;     // row of inputs under the first row of outputs
  Range rows;  // of outputs under which there is one

  TapRow(const ConvGeometry& geometry, const FilterGradient& gradient, int row)
      : g(geometry),
        grad(gradient),
        kh(row),
        top(row * geometry.dilation_h - geometry.pad_top),
        rows(StepsInside(top, geometry.stride_h, geometry.in_h,
                         geometry.out_h)) {}

  const float* X(int image, int input, int output_row) const {
    return grad.x + image * grad.x_image +
           (input * g.in_h + top + output_row * g.stride_h) * g.in_w;
  }
  // `output` counts those of all inputs if these are apart.
  const float* Dy(int image, int output, int output_row) const {
    return grad.dy + image * grad.dy_image +
           (output * g.out_h + output_row) * g.out_w;
  }
  Sums Dw(int input, int output, int tap, int item) const {
    const int filter = g.filter_h * g.filter_w;
    const int from = grad.apart ? output : output * grad.inputs + input;
    return {grad.dw + from * filter + kh * g.filter_w + tap, item,
            grad.apart ? filter : grad.inputs * filter};
  }
};

// What one line adds to a tile of neighbouring taps, over which a window
// slides. Steps are outputs. The line is pieced together: of steps whose taps
// all fall on inputs, and of copies with zeros where they fall on padding.
class TapLine {
 public:
  static constexpr int kOutputs = 4;  // share the copies of the inputs

  TapLine(const TapKind& kind, int outputs, int dy_output, const Sums& sums)
      : kind_(kind), outputs_(outputs), dy_output_(dy_output), sums_(sums) {}

  // `steps` are whole turns.
  void Add(const float* x, const float* dy, int steps) {
    AddPart({x, dy, dy_output_, steps});
  }

  // line[position] is what the first of the taps falls on in the first step.
  // Only the last steps need not be whole turns.
  [[gnu::noinline]] void AddCopied(const float* line, int width, int position,
                                   const float* dy, int steps) {
    const int most = 2 * kind_.period;
    for (; steps > 0; steps -= most, position += most, dy += most) {
      const int count = steps < most ? steps : most;
      const int whole =
          (count + kind_.period - 1) / kind_.period * kind_.period;
      if (copies_ == kCopies) Run();
      float* const x = x_[copies_++];
      GatherLine(line, width, position, whole + kind_.items - 1, x);
      if (whole == count) {
        AddPart({x, dy, dy_output_, whole});
        continue;
      }
      for (int n = 0; n < outputs_; ++n) {
        float* const to = dy_ + n * whole;
        GatherLine(dy + n * dy_output_, count, 0, whole, to);
      }
      AddPart({x, dy_, whole, whole});
    }
  }

  void Run() {
    kind_.run(parts_, count_, start_, sums_);
    for (int n = kind_.columns; n < outputs_; n += kind_.columns) {
      for (int i = 0; i < count_; ++i) {
        parts_[i].b += kind_.columns * parts_[i].column;
      }
      kind_.run(parts_, count_, start_, sums_.Skip(0, n));
    }
    start_ = Start::kSums;
    count_ = 0;
    copies_ = 0;
  }

 private:
  static constexpr int kCopies = 2;  // of the ends of a short filter's line
  static constexpr int kParts = kCopies + 1;
  static constexpr int kCopiedSteps = 2 * kMostWindowItems;

  void AddPart(const LinePart& part) { parts_[count_++] = part; }

  const TapKind& kind_;
  const int outputs_;
  const int dy_output_;  // floats from one output to the next
  const Sums sums_;
  Start start_ = Start::kZero;
  int count_ = 0;
  int copies_ = 0;
  LinePart parts_[kParts];
  float x_[kCopies][kCopiedSteps + kMostWindowItems];
  float dy_[kOutputs * kCopiedSteps];
};

// Items are neighbouring taps.
class TapWindow {
 public:
  explicit TapWindow(const TapRow& row) : row_(row), g_(row.g) {}

  void Run() const {
    const int outputs = row_.grad.outputs;
    for (int output = 0; output < outputs; output += kOutputs) {
      const int left = outputs - output;
      RunOutputs(output, left < kOutputs ? left : kOutputs);
    }
  }

 private:
  static constexpr int kOutputs = TapLine::kOutputs;

  // Some neighbouring taps.
  struct Taps {
    const TapKind& kind;
    int first;
    int left;      // position of x under the first in the first step
    Range inside;  // steps in which none is on the padding, in whole turns
  };

  void RunOutputs(int output, int count) const {
    const FilterGradient& grad = row_.grad;
    const TapKind& kind = KindFor(count % 2 == 0);
    const int last = g_.filter_w - kind.items;
    for (int tap = 0; tap < g_.filter_w; tap += kind.items) {
      const Taps taps = TapsAt(kind, tap < last ? tap : last);
      for (int input = 0; input < grad.inputs; ++input) {
        RunTile(taps, input,
                grad.apart ? input * grad.outputs + output : output, count);
      }
    }
  }

  Taps TapsAt(const TapKind& kind, int tap) const {
    const int left = tap - g_.pad_left;
    const int begin = RoundUp(left < 0 ? -left : 0, kind.period);
    const int room = g_.in_w - left - (kind.items - 1);
    const int most = (room < g_.out_w ? room : g_.out_w) - begin;
    return {kind, tap, left, {begin, begin + most / kind.period * kind.period}};
  }

  // The many or the few taps at a time, whichever leave less undone twice.
  const TapKind& KindFor(bool two) const {
    const int waste = RoundUp(g_.filter_w, kManyTaps.items) - g_.filter_w;
    return g_.filter_w >= kManyTaps.items && waste * 8 < g_.filter_w
               ? kManyTaps
               : kFewTaps[two ? 0 : 1];
  }

  void RunTile(const Taps& taps, int input, int output, int outputs) const {
    BatchSums sums(row_.Dw(input, output, taps.first, 1), taps.kind.items,
                   outputs);
    for (int image = 0; image < g_.batch; ++image) {
      for (int row = row_.rows.begin; row < row_.rows.end; ++row) {
        TapLine line(taps.kind, outputs, g_.out_h * g_.out_w, sums.Part());
        AddLine(row_.X(image, input, row), taps.left,
                row_.Dy(image, output, row), taps.inside, &line);
        line.Run();
        sums.Join();
      }
    }
    sums.SaveIfEmpty();
  }

  void AddLine(const float* x, int left, const float* dy, Range inside,
               TapLine* line) const {
    if (inside.size() <= 0) {
      return line->AddCopied(x, g_.in_w, left, dy, g_.out_w);
    }
    line->AddCopied(x, g_.in_w, left, dy, inside.begin);
    line->Add(x + left + inside.begin, dy + inside.begin, inside.size());
    line->AddCopied(x, g_.in_w, left + inside.end, dy + inside.end,
                    g_.out_w - inside.end);
  }

  static int RoundUp(int value, int unit) {
    return (value + unit - 1) / unit * unit;
  }

  const TapRow& row_;
  const ConvGeometry& g_;
};

// The kernel for the next of `left` items, of `items` in all.
const TileKind& KindFor(const TileGrid& grid, int items, int left, int few) {
  const TileKind& tail = kStepsByFewTailGrid.kinds[0][few];
  if (&grid == &kStepsByFewGrid && left <= tail.items && items >= tail.items) {
    return tail;
  }
  return grid.kinds[items >= grid.kinds[0][0].items ? 0 : 1][few];
}

// Items are inputs, or rows of taps; one tap of a row at a time.
void RunTap(const TapRow& row, int tap, bool down, const TileGrid& grid) {
  const ConvGeometry& g = row.g;
  const FilterGradient& grad = row.grad;
  const int left = tap * g.dilation_w - g.pad_left;
  const Range along = StepsInside(left, g.stride_w, g.in_w, g.out_w);
  const int items = down ? g.filter_h : grad.inputs;
  const int x_item = down ? g.dilation_h * g.in_w : g.in_h * g.in_w;
  const Sums dw = row.Dw(0, 0, tap, down ? 1 : g.filter_h * g.filter_w);
  const bool any = row.rows.size() > 0 && along.size() > 0;
  const int wide = grid.kinds[0][0].columns;
  for (int n = 0; n < grad.outputs;) {
    const int few = n + wide <= grad.outputs ? 0 : 1;
    for (int m = 0; m < items;) {
      const TileKind& kind = KindFor(grid, items, items - m, few);
      const int first = m + kind.items <= items ? m : items - kind.items;
      BatchSums sums(dw.Skip(first, n), kind.items, kind.columns);
      for (int image = 0; any && image < g.batch; ++image) {
        kind.any({row.X(image, 0, row.rows.begin) + left +
                      along.begin * g.stride_w + first * x_item,
                  x_item, g.stride_w, g.stride_h * g.in_w, 0},
                 {row.Dy(image, n, row.rows.begin) + along.begin,
                  g.out_h * g.out_w, 1, g.out_w, 0},
                 {1, row.rows.size(), along.size()}, Start::kZero, sums.Part(),
                 1);
        sums.Join();
      }
      sums.SaveIfEmpty();
      m += kind.items;
    }
    n += grid.kinds[0][few].columns;
  }
}

// A filter of one column, none of whose taps ever falls on padding, as the
// spatial filters over electrodes are.
bool IsBareColumn(const ConvGeometry& g) {
  const int bottom =
      (g.out_h - 1) * g.stride_h + (g.filter_h - 1) * g.dilation_h - g.pad_top;
  return g.filter_w == 1 && g.pad_top == 0 && bottom < g.in_h;
}

}  // namespace

void GradFilter(const ConvGeometry& g, const FilterGradient& grad) {
  const bool slides = g.stride_w == 1 && g.dilation_w == 1 &&
                      g.filter_w >= kShortFilter &&
                      (grad.apart || grad.inputs < 4);
  if (grad.apart && !slides) {
    for (int input = 0; input < grad.inputs; ++input) {
      GradFilter(g, grad.Only(input, g));
    }
    return;
  }
  const bool down = grad.inputs == 1 && IsBareColumn(g);
  const TileGrid& grid = g.stride_w != 1    ? kNothingByStepsGrid
                         : grad.outputs < 4 ? kStepsByFewGrid
                                            : kStepsByStepsGrid;
  for (int kh = 0; kh < (down ? 1 : g.filter_h); ++kh) {
    const TapRow row(g, grad, kh);
    if (slides) {
      TapWindow(row).Run();
    } else {
      for (int kw = 0; kw < g.filter_w; ++kw) RunTap(row, kw, down, grid);
    }
  }
}

namespace {

// One input and the outputs made of it.
void FastGradFilter(const ConvGeometry& g, const FilterGradient& grad,
                    float* workspace) {
  FastFirGrad fast(g.filter_w, grad.outputs, workspace);
  const int plane = g.out_h * g.out_w;
  for (int image = 0; image < g.batch; ++image) {
    for (int row = 0; row < g.out_h; ++row) {
      fast.AddLine(grad.x + image * grad.x_image + row * g.in_w, g.in_w,
                   g.pad_left, grad.dy + image * grad.dy_image + row * g.out_w,
                   g.out_w, plane);
    }
  }
  fast.Save(grad.dw);
}

}  // namespace

int ConvGradFilterWorkspace(const ConvGeometry& g) {
  return g.in_c == 1 && SlidesFast(g) ? FastFirGradFloats(g.filter_w, g.out_c)
                                      : 0;
}

void Conv2DGradFilter(const ConvGeometry& g, const float* x, const float* dy,
                      float* dw, float* workspace) {
  const FilterGradient grad = {x,  g.in_c * g.in_h * g.in_w,    g.in_c,
                               dy, g.out_c * g.out_h * g.out_w, g.out_c,
                               dw};
  if (workspace != nullptr && ConvGradFilterWorkspace(g) > 0) {
    return FastGradFilter(g, grad, workspace);
  }
  GradFilter(g, grad);
}

int DepthwiseGradFilterWorkspace(const ConvGeometry& g) {
  return SlidesFast(g) ? FastFirGradFloats(g.filter_w, g.out_c / g.in_c) : 0;
}

void DepthwiseConv2DGradFilter(const ConvGeometry& g, const float* x,
                               const float* dy, float* dw, float* workspace) {
  const FilterGradient grad = {x,
                               g.in_c * g.in_h * g.in_w,
                               g.in_c,
                               dy,
                               g.out_c * g.out_h * g.out_w,
                               g.out_c / g.in_c,
                               dw,
                               true};
  if (workspace == nullptr || DepthwiseGradFilterWorkspace(g) == 0) {
    return GradFilter(g, grad);
  }
  for (int input = 0; input < g.in_c; ++input) {
    FastGradFilter(g, grad.Only(input, g), workspace);
  }
}

}  // namespace biotrain
