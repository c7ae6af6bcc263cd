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

  // Where the next part is to be written, or added to.
  Sums Part() { return {part_, 1, items_}; }
  void Join() {
    for (int n = 0; n < columns_; ++n) {
      float* to = sums_.Skip(0, n).at;
      for (int m = 0; m < items_; ++m, to += sums_.item) {
        const float part = part_[n * items_ + m];
        *to = first_ ? part : *to + part;
      }
    }
    first_ = false;
  }
  void SaveIfEmpty() {
    if (!first_) return;
    for (float& part : part_) part = 0.0f;
    Join();
  }

 private:
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
  const float* Dy(int image, int output, int output_row) const {
    return grad.dy + image * grad.dy_image +
           (output * g.out_h + output_row) * g.out_w;
  }
  Sums Dw(int input, int output, int tap, int item) const {
    const int filter = g.filter_h * g.filter_w;
    return {grad.dw + (output * grad.inputs + input) * filter +
                kh * g.filter_w + tap,
            item, grad.inputs * filter};
  }
};

// Items are neighbouring taps, over which a window slides; a line of outputs at
// a time, whose ends meet padded copies of the inputs.
class TapWindow {
 public:
  explicit TapWindow(const TapRow& row) : row_(row), g_(row.g) {}

  void Run() const {
    const int outputs = row_.grad.outputs;
    for (int input = 0; input < row_.grad.inputs; ++input) {
      for (int output = 0; output < outputs; output += kOutputs) {
        const int left = outputs - output;
        RunOutputs(input, output, left < kOutputs ? left : kOutputs);
      }
    }
  }

 private:
  static constexpr int kBufferFloats = 160;
  static constexpr int kOutputs = 4;  // share a copy of the inputs

  void RunOutputs(int input, int output, int count) const {
    const WindowKind& kind = KindFor(count % 2 == 0);
    for (int tap = 0; tap < g_.filter_w; tap += kind.items) {
      const int last = g_.filter_w - kind.items;
      RunTile(kind, input, output, count, tap < last ? tap : last);
    }
  }

  // The many or the few taps at a time, whichever leave less undone twice.
  const WindowKind& KindFor(bool two) const {
    const WindowKind& many = kManyTapsWindow.kinds[0];
    const WindowKind& few = kShortFilterWindow.kinds[two ? 0 : 1];
    const int waste = RoundUp(g_.filter_w, many.items) - g_.filter_w;
    return g_.filter_w >= many.items && waste * 8 < g_.filter_w ? many : few;
  }

  void RunTile(const WindowKind& kind, int input, int output, int outputs,
               int tap) const {
    const int left = tap - g_.pad_left;
    // Where no tap of the tile is on the padding, in whole turns of the window.
    const int begin = RoundUp(left < 0 ? -left : 0, kind.period);
    const int room = g_.in_w - left - (kind.items - 1);
    const int most = (room < g_.out_w ? room : g_.out_w) - begin;
    const Range inside = {begin, begin + most / kind.period * kind.period};
    BatchSums sums(row_.Dw(input, output, tap, 1), kind.items, outputs);
    for (int image = 0; image < g_.batch; ++image) {
      for (int row = row_.rows.begin; row < row_.rows.end; ++row) {
        AddLine({kind,
                 row_.X(image, input, row),
                 left,
                 {row_.Dy(image, output, row), g_.out_h * g_.out_w, 1, 0, 0},
                 outputs},
                inside, sums.Part());
        sums.Join();
      }
    }
    sums.SaveIfEmpty();
  }

  struct Line {
    const WindowKind& kind;
    const float* x;
    int left;
    Operand dy;
    int outputs;
  };

  void AddLine(const Line& line, Range inside, const Sums& sums) const {
    if (inside.size() <= 0) {
      return AddEnd(line, {0, g_.out_w}, Start::kZero, sums);
    }
    AddEnd(line, {0, inside.begin}, Start::kZero, sums);
    Add(line, line.x + line.left + inside.begin, inside,
        inside.begin > 0 ? Start::kSums : Start::kZero, sums);
    AddEnd(line, {inside.end, g_.out_w}, Start::kSums, sums);
  }

  void AddEnd(const Line& line, Range steps, Start start,
              const Sums& sums) const {
    float buffer[kBufferFloats];
    const WindowKind& kind = line.kind;
    const int most = (kBufferFloats - kind.items) / kind.period * kind.period;
    for (int first = steps.begin; first < steps.end; first += most) {
      const int end = first + most < steps.end ? first + most : steps.end;
      GatherLine(line.x, g_.in_w, line.left + first,
                 end - first + kind.items - 1, buffer);
      Add(line, buffer, {first, end}, start, sums);
      start = Start::kSums;
    }
  }

  void Add(const Line& line, const float* x, Range steps, Start start,
           const Sums& sums) const {
    const WindowKind& kind = line.kind;
    const int whole = steps.size() / kind.period * kind.period;
    const Operand a = {x, 1, 1, 0, 0};
    for (int n = 0; n < line.outputs; n += kind.columns) {
      const Operand b = line.dy.Skip(n).SkipSteps(steps.begin);
      Start now = start;
      if (whole > 0) {
        kind.one_line(a, b, {1, 1, whole}, now, sums.Skip(0, n), 1);
        now = Start::kSums;
      }
      if (whole < steps.size()) {
        kind.rest(a.SkipSteps(whole), b.SkipSteps(whole),
                  {1, 1, steps.size() - whole}, now, sums.Skip(0, n), 1);
      }
    }
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
  const bool slides = g.stride_w == 1 && g.dilation_w == 1;
  const bool down = grad.inputs == 1 && IsBareColumn(g);
  const TileGrid& grid = g.stride_w != 1    ? kNothingByStepsGrid
                         : grad.outputs < 4 ? kStepsByFewGrid
                                            : kStepsByStepsGrid;
  for (int kh = 0; kh < (down ? 1 : g.filter_h); ++kh) {
    const TapRow row(g, grad, kh);
    if (slides && grad.inputs < 4 && g.filter_w >= kShortFilter) {
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
  const int multiplier = g.out_c / g.in_c;
  const bool fast = workspace != nullptr && DepthwiseGradFilterWorkspace(g) > 0;
  for (int c = 0; c < g.in_c; ++c) {
    const FilterGradient grad = {x + c * g.in_h * g.in_w,
                                 g.in_c * g.in_h * g.in_w,
                                 1,
                                 dy + c * multiplier * g.out_h * g.out_w,
                                 g.out_c * g.out_h * g.out_w,
                                 multiplier,
                                 dw + c * multiplier * g.filter_h * g.filter_w};
    if (fast) {
      FastGradFilter(g, grad, workspace);
    } else {
      GradFilter(g, grad);
    }
  }
}

}  // namespace biotrain
