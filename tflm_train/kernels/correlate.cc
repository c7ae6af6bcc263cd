// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/correlate.h"

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/correlate_grid.h"
#include "tflm_train/kernels/gather.h"
#include "tflm_train/kernels/repeat.h"
#include "tflm_train/kernels/slide.h"
#include "tflm_train/kernels/tile_grid.h"

namespace biotrain {
namespace {

constexpr int kBufferFloats = 256;
constexpr int kLongEdgeItems = BIOTRAIN_SCALAR_WINDOWS ? 15 : 20;
constexpr int kShortEdgeItems = 8;

// The window that slides along a line, if the line and the filter are long
// enough: one choice for all items, so that all sums have the same order.
const WindowGrid* WindowFor(const Correlation& c) {
  const bool back = c.w.step == -1;
  if (c.x.item != 1 || c.x.step != 1 || c.y.item != 1 ||
      (!back && c.w.step != 1)) {
    return nullptr;
  }
  if (c.terms.steps >= kLongFilter && c.items >= kLongFilter) {
    return back ? &kLongFilterBackWindow : &kLongFilterWindow;
  }
  if (c.terms.steps >= kShortFilter && c.items >= kShortFilter) {
    return back ? &kShortFilterBackWindow : &kShortFilterWindow;
  }
  return nullptr;
}

// So many items at the edge of a line are summed at a time.
int EdgeItems(const WindowGrid& window) {
  return &window == &kLongFilterWindow || &window == &kLongFilterBackWindow
             ? kLongEdgeItems
             : kShortEdgeItems;
}

// A few items with taps on the padding: what they meet is copied, as many terms
// at a time as the buffer takes.
class Edge {
 public:
  Edge(const Correlation& c, const WindowGrid& window)
      : c_(c), window_(window) {}

  void Run(int first, int items) {
    first_ = first;
    items_ = items;
    start_ = Start::kZero;
    const Terms& t = c_.terms;
    const int line = Line(t.steps);
    const int lines = line <= kBufferFloats ? kBufferFloats / line : 0;
    if (lines >= t.rows) {
      const int planes = lines / t.rows;
      for (int p = 0; p < t.planes; p += planes) {
        Add(p, 0, 0, {Least(planes, t.planes - p), t.rows, t.steps});
      }
      return;
    }
    const int rows = lines > 1 ? lines : 1;
    const int taps = lines > 0 ? t.steps : kBufferFloats - items_ + 1;
    for (int p = 0; p < t.planes; ++p) {
      for (int r = 0; r < t.rows; r += rows) {
        for (int k = 0; k < t.steps; k += taps) {
          Add(p, r, k, {1, Least(rows, t.rows - r), Least(taps, t.steps - k)});
        }
      }
    }
  }

 private:
  static int Least(int a, int b) { return a < b ? a : b; }

  // Neighbouring taps share all values but one.
  int Line(int taps) const { return items_ + taps - 1; }

  void Add(int plane, int row, int tap, const Terms& terms) {
    const int line = Line(terms.steps);
    float* to = buffer_;
    for (int p = 0; p < terms.planes; ++p) {
      for (int r = 0; r < terms.rows; ++r, to += line) {
        GatherLine(c_.x.at + (plane + p) * c_.x.plane + (row + r) * c_.x.row,
                   c_.width, first_ + tap - c_.pad, line, to);
      }
    }
    Operand w = c_.w.SkipSteps(tap);
    w.at += plane * w.plane + row * w.row;
    RunWindow(window_, {buffer_, 1, 1, line, line * terms.rows}, w, terms,
              start_, c_.y.Skip(first_, 0), items_, c_.columns);
    start_ = Start::kSums;
  }

  const Correlation& c_;
  const WindowGrid& window_;
  int first_ = 0;
  int items_ = 0;
  Start start_ = Start::kZero;
  // A window may read on past its last item.
  float buffer_[kBufferFloats + kMostWindowItems];
};

void RunEdges(const Correlation& c, const WindowGrid& window, Range items) {
  if (items.size() <= 0) return;
  Edge edge(c, window);
  const int most = EdgeItems(window);
  for (int first = items.begin; first < items.end; first += most) {
    const int left = items.end - first;
    edge.Run(first, left < most ? left : most);
  }
}

// Where every tap falls on the padding.
void Clear(const Correlation& c) {
  for (int n = 0; n < c.columns; ++n) {
    for (int m = 0; m < c.items; ++m) *c.y.Skip(m, n).at = 0.0f;
  }
}

int RoundUp(int value, int unit) { return (value + unit - 1) / unit * unit; }

void RunLine(const Correlation& c, const WindowGrid& window) {
  // The items none of whose taps falls on the padding. Edges come in whole
  // tiles; so do the items between, unless there are too few.
  const int unit = EdgeItems(window);
  const int end = c.width + c.pad - (c.terms.steps - 1);
  Range inside = {
      RoundUp(c.pad > 0 ? c.pad : 0, unit),
      c.items - RoundUp(c.items - (end < c.items ? end : c.items), unit)};
  if (inside.size() < kLongFilter && inside.size() < c.items) {
    return RunEdges(c, window, {0, c.items});
  }
  RunEdges(c, window, {0, inside.begin});
  Operand x = c.x.Skip(inside.begin);
  x.at -= c.pad;
  RunWindow(window, x, c.w, c.terms, Start::kZero, c.y.Skip(inside.begin, 0),
            inside.size(), c.columns);
  RunEdges(c, window, {inside.end, c.items});
}

bool FitsSlide(const Correlation& c) {
  return kSlides && c.terms.planes * c.terms.rows == 1 &&
         c.terms.steps == kSlideTaps && c.pad >= 0 && c.pad < kSlideTaps &&
         c.items <= c.width + c.pad;
}

}  // namespace

void Correlate(const Correlation& all, const LineStack& lines) {
  const bool empty = all.terms.rows <= 0 || all.terms.steps <= 0;
  const WindowGrid* window = WindowFor(all);
  if (!empty && window == nullptr) return CorrelateGrid(all, lines);
  for (int i = 0; i < lines.count; ++i) {
    const Correlation line = LineOf(all, lines, i);
    if (empty || line.terms.rows <= 0) {
      Clear(line);
    } else if (FitsSlide(line)) {
      for (int n = 0; n < line.columns; ++n) {
        Slide(
            {line.x.at, line.width, line.pad, line.y.Skip(0, n).at, line.items},
            line.w.Skip(n).at, line.w.step);
      }
    } else {
      RunLine(line, *window);
    }
  }
}

void Finish(const Sums& y, int items, int columns, const float* bias,
            Activation activation) {
  if (bias == nullptr && activation == Activation::kNone) return;
  if (items == 1) {
    float* at = y.at;
    for (int n = 0; n < columns; ++n, at += y.column) {
      *at = Activate(bias == nullptr ? *at : *at + bias[n], activation);
    }
    return;
  }
  for (int n = 0; n < columns; ++n) {
    float* const line = y.at + n * y.column;
    const float add = bias == nullptr ? 0.0f : bias[n];
    if (y.item == 1 && activation == Activation::kNone) {
      ForEachElement(items, [&](int m) BIOTRAIN_INLINE { line[m] += add; });
      continue;
    }
    if (y.item == 1 && activation == Activation::kRelu) {
      ForEachElement(items, [&](int m) BIOTRAIN_INLINE {
        line[m] = Rectified(line[m] + add);
      });
      continue;
    }
    float* at = line;
    for (int m = 0; m < items; ++m, at += y.item) {
      *at = Activate(bias == nullptr ? *at : *at + add, activation);
    }
  }
}

}  // namespace biotrain
