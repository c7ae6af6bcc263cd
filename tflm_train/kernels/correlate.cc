// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/correlate.h"

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/gather.h"
#include "tflm_train/kernels/repeat.h"
#include "tflm_train/kernels/slide.h"
#include "tflm_train/kernels/tile_grid.h"

namespace biotrain {
namespace {

constexpr int kBufferFloats = 256;
constexpr int kLongEdgeItems = 15;
constexpr int kShortEdgeItems = 8;

// The micro-kernels a correlation uses: one choice for all of its items, so
// that all sums have the same order.
class Kernels {
 public:
  explicit Kernels(const Correlation& c) : window_(nullptr), grid_(nullptr) {
    const int taps = c.terms.steps;
    const bool slides = c.x.item == 1 && c.x.step == 1 && c.y.item == 1;
    const bool back = c.w.step == -1;
    if (slides && (back || c.w.step == 1)) {
      if (taps >= kLongFilter && c.items >= kLongFilter) {
        window_ = back ? &kLongFilterBackWindow : &kLongFilterWindow;
        return;
      }
      if (taps >= kShortFilter && c.items >= kShortFilter) {
        window_ = back ? &kShortFilterBackWindow : &kShortFilterWindow;
        return;
      }
    }
    // The longest of the three loops is the innermost: its steps are unrolled.
    by_planes_ = c.terms.planes >= 4 || taps == 1;
    by_rows_ = by_planes_ && c.terms.planes == 1;
    const int step = by_rows_ ? c.w.row : by_planes_ ? c.w.plane : c.w.step;
    grid_ = c.columns < 4 && step == 1 ? &kItemsByFewStepsGrid
            : c.columns < 4            ? &kItemsByFewGrid
            : step == 1                ? &kItemsByStepsGrid
            : c.w.item == 1            ? &kItemsByItemsGrid
                                       : &kItemsByNothingGrid;
  }

  bool Slides() const { return window_ != nullptr; }

  // So many items at the edge of a line are summed at a time.
  int EdgeItems() const {
    return window_ == &kLongFilterWindow || window_ == &kLongFilterBackWindow
               ? kLongEdgeItems
               : kShortEdgeItems;
  }

  void Run(const Operand& x, const Operand& w, const Terms& terms, Start start,
           const Sums& y, int items, int columns) const {
    if (window_ != nullptr) {
      RunWindow(*window_, x, w, terms, start, y, items, columns);
    } else if (by_rows_) {
      RunGrid(*grid_, {x.at, x.item, x.row, x.step, x.plane},
              {w.at, w.item, w.row, w.step, w.plane},
              {terms.planes, terms.steps, terms.rows}, start, y, items,
              columns);
    } else if (by_planes_) {
      RunGrid(*grid_, {x.at, x.item, x.plane, x.step, x.row},
              {w.at, w.item, w.plane, w.step, w.row},
              {terms.rows, terms.steps, terms.planes}, start, y, items,
              columns);
    } else {
      RunGrid(*grid_, x, w, terms, start, y, items, columns);
    }
  }

 private:
  const WindowGrid* window_;
  const TileGrid* grid_;
  bool by_planes_ = false;
  bool by_rows_ = false;
};

// A few items with taps on the padding, or of a stride: their values are
// copied, as many terms at a time as the buffer takes.
class Edge {
 public:
  Edge(const Correlation& c, const Kernels& kernels)
      : c_(c), kernels_(kernels), spread_(c.x.item != 1) {}

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
    const int taps = lines > 0 ? t.steps : MostTaps();
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

  // With a stride every tap has its own run of items; else neighbouring taps
  // share all values but one.
  int Line(int taps) const {
    return spread_ ? taps * items_ : items_ + (taps - 1) * c_.x.step;
  }
  int MostTaps() const {
    return spread_ || c_.x.step >= kBufferFloats - items_
               ? (spread_ ? kBufferFloats / items_ : 1)
               : (kBufferFloats - items_) / c_.x.step + 1;
  }

  void Add(int plane, int row, int tap, const Terms& terms) {
    const int line = Line(terms.steps);
    float* to = buffer_;
    for (int p = 0; p < terms.planes; ++p) {
      for (int r = 0; r < terms.rows; ++r, to += line) {
        const float* from =
            c_.x.at + (plane + p) * c_.x.plane + (row + r) * c_.x.row;
        const int position = first_ * c_.x.item + tap * c_.x.step - c_.pad;
        if (!spread_) {
          GatherLine(from, c_.width, position, line, to);
          continue;
        }
        for (int k = 0; k < terms.steps; ++k) {
          GatherSpread(from, c_.width, position + k * c_.x.step, c_.x.item,
                       items_, to + k * items_);
        }
      }
    }
    const Operand x = {buffer_, 1, spread_ ? items_ : c_.x.step, line,
                       line * terms.rows};
    Operand w = c_.w.SkipSteps(tap);
    w.at += plane * w.plane + row * w.row;
    kernels_.Run(x, w, terms, start_, c_.y.Skip(first_, 0), items_, c_.columns);
    start_ = Start::kSums;
  }

  const Correlation& c_;
  const Kernels& kernels_;
  const bool spread_;
  int first_ = 0;
  int items_ = 0;
  Start start_ = Start::kZero;
  // A window may read on past its last item.
  float buffer_[kBufferFloats + kMostWindowItems];
};

void RunEdges(const Correlation& c, const Kernels& kernels, Range items) {
  if (items.size() <= 0) return;
  Edge edge(c, kernels);
  const int most = kernels.EdgeItems();
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

bool FitsSlide(const Correlation& c) {
  return kSlides && c.terms.planes * c.terms.rows == 1 &&
         c.terms.steps == kSlideTaps && c.x.item == 1 && c.x.step == 1 &&
         c.y.item == 1 && c.pad >= 0 && c.pad < kSlideTaps &&
         c.items <= c.width + c.pad;
}

int RoundUp(int value, int unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

void Correlate(const Correlation& c) {
  if (c.terms.rows <= 0 || c.terms.steps <= 0) return Clear(c);
  if (FitsSlide(c)) {
    for (int n = 0; n < c.columns; ++n) {
      Slide({c.x.at, c.width, c.pad, c.y.Skip(0, n).at, c.items},
            c.w.Skip(n).at, c.w.step);
    }
    return;
  }
  const Kernels kernels(c);
  // The items none of whose taps falls on the padding.
  Range inside = {0, 0};
  if (c.x.item == 1) {
    const int end = c.width + c.pad - (c.terms.steps - 1) * c.x.step;
    inside = {c.pad > 0 ? c.pad : 0, end < c.items ? end : c.items};
  }
  if (kernels.Slides()) {
    // Edges come in whole tiles; so do the items between, unless there are
    // too few.
    const int unit = kernels.EdgeItems();
    inside.begin = RoundUp(inside.begin, unit);
    inside.end = c.items - RoundUp(c.items - inside.end, unit);
    if (inside.size() < kLongFilter && inside.size() < c.items) {
      inside = {0, 0};
    }
  }
  if (inside.size() <= 0) return RunEdges(c, kernels, {0, c.items});
  RunEdges(c, kernels, {0, inside.begin});
  Operand x = c.x.Skip(inside.begin);
  x.at -= c.pad;
  kernels.Run(x, c.w, c.terms, Start::kZero, c.y.Skip(inside.begin, 0),
              inside.size(), c.columns);
  RunEdges(c, kernels, {inside.end, c.items});
}

void Finish(const Sums& y, int items, int columns, const float* bias,
            Activation activation) {
  if (bias == nullptr && activation == Activation::kNone) return;
  for (int n = 0; n < columns; ++n) {
    float* const line = y.at + n * y.column;
    const float add = bias == nullptr ? 0.0f : bias[n];
    if (y.item == 1 && activation == Activation::kNone) {
      ForEachElement(items, [&](int m) BIOTRAIN_INLINE { line[m] += add; });
      continue;
    }
    float* at = line;
    for (int m = 0; m < items; ++m, at += y.item) {
      *at = Activate(bias == nullptr ? *at : *at + add, activation);
    }
  }
}

}  // namespace biotrain
