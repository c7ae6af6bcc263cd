// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/correlate_grid.h"

#include "tflm_train/kernels/repeat.h"
#include "tflm_train/kernels/tile_grid.h"

namespace biotrain {
namespace {

// Some taps of every filter.
struct Part {
  Range planes;
  Range rows;
  Range taps;
};

constexpr Range Common(Range a, Range b) {
  const int begin = a.begin > b.begin ? a.begin : b.begin;
  const int end = a.end < b.end ? a.end : b.end;
  return begin < end ? Range{begin, end} : Range{begin, begin};
}

// The longest of the three loops over taps is the innermost.
enum class Order { kPlanes, kRows, kTaps };

Order OrderOf(const Terms& terms) {
  if (terms.planes < 4 && terms.steps > 1) return Order::kTaps;
  return terms.planes == 1 ? Order::kRows : Order::kPlanes;
}

Operand Reorder(const Operand& o, Order order) {
  if (order == Order::kPlanes) return {o.at, o.item, o.plane, o.step, o.row};
  if (order == Order::kRows) return {o.at, o.item, o.row, o.step, o.plane};
  return o;
}

Terms Reorder(const Terms& t, Order order) {
  if (order == Order::kPlanes) return {t.rows, t.steps, t.planes};
  if (order == Order::kRows) return {t.planes, t.steps, t.rows};
  return t;
}

// A part of a few filters, copied so that they are neighbours in every tap: a
// tile has many more products than its filters have weights, and then no
// address to compute for each of them.
class Panel {
 public:
  static constexpr int kFloats = 288;

  Panel(const Operand& w, const Part& part, Order order, int columns) {
    const Terms t = Reorder(
        Terms{part.planes.size(), part.rows.size(), part.taps.size()}, order);
    const int row = columns * t.steps;
    const int plane = row * t.rows;
    packed_ = order == Order::kPlanes ? Operand{floats_, 1, row, plane, columns}
              : order == Order::kRows
                  ? Operand{floats_, 1, row, columns, plane}
                  : Operand{floats_, 1, columns, row, plane};
    Operand from = w.SkipSteps(part.taps.begin);
    from.at += part.planes.begin * w.plane + part.rows.begin * w.row;
    from = Reorder(from, order);
    float* to = floats_;
    for (int p = 0; p < t.planes; ++p) {
      for (int r = 0; r < t.rows; ++r) {
        const float* const line = from.at + r * from.row;
        int done = 0;
        if (columns == 4 && from.step == 1) {
          done = t.steps & ~3;
          CopyFour(line, from.item, done, to);
        }
        for (int n = 0; n < columns && done < t.steps; ++n) {
          CopySteps(line + n * from.item + done * from.step, from.step,
                    t.steps - done, columns, to + done * columns + n);
        }
        to += row;
      }
      from.at += from.plane;
    }
  }

  const Operand& packed() const { return packed_; }

 private:
  // Four columns of neighbouring steps, a multiple of four.
  static void CopyFour(const float* from, int column, int steps, float* to) {
    for (; steps > 0; steps -= 4, from += 4, to += 16) {
      const float* at = from;
      Repeat<4>([&](auto n) BIOTRAIN_INLINE {
        const float a = at[0], b = at[1], c = at[2], d = at[3];
        to[n] = a;
        to[n + 4] = b;
        to[n + 8] = c;
        to[n + 12] = d;
        at += column;
      });
    }
  }
  static void CopySteps(const float* from, int step, int steps, int columns,
                        float* to) {
    for (; steps >= 4; steps -= 4) {
      Repeat<4>([&](auto) BIOTRAIN_INLINE {
        *to = *from;
        from += step;
        to += columns;
      });
    }
    for (; steps > 0; --steps) {
      *to = *from;
      from += step;
      to += columns;
    }
  }

  Operand packed_;
  float floats_[kFloats];
};

class GridCorrelation {
 public:
  GridCorrelation(const Correlation& all, const LineStack& lines)
      : c_(all),
        lines_(lines),
        order_(OrderOf(all.terms)),
        grid_(all.x.item != 1   ? kNothingByItemsGrid
              : all.columns < 4 ? kItemsByFewGrid
                                : kItemsByItemsGrid) {
    // The items none of whose taps falls on padding.
    const int stride = c_.x.item;
    const int last = c_.width + c_.pad - (c_.terms.steps - 1) * c_.x.step - 1;
    const int begin = c_.pad > 0 ? (c_.pad + stride - 1) / stride : 0;
    const int end = last >= 0 ? last / stride + 1 : 0;
    inside_ = Common({begin, end}, {0, c_.items});
    if (inside_.size() <= 0) inside_ = {0, 0};
  }

  void Run() const {
    if (c_.w.item == 1 || c_.columns == 1) {
      const Terms& t = c_.terms;
      return Run(
          {{{0, t.planes}, {0, t.rows}, {0, t.steps}}, c_.w, 0, c_.columns});
    }
    const int wide = grid_.kinds[0][0].columns;
    for (int n = 0; n < c_.columns; n += wide) {
      const int left = c_.columns - n;
      RunColumns(n, left < wide ? left : wide);
    }
  }

 private:
  // As much at a time as a panel holds, in the order of the terms.
  void RunColumns(int column, int columns) const {
    const Terms whole = Reorder(c_.terms, order_);
    const int most = Panel::kFloats / columns;
    const int steps = Least(most, whole.steps);
    const int rows = Least(most / steps, whole.rows);
    const int planes =
        rows == whole.rows ? Least(most / (steps * rows), whole.planes) : 1;
    for (int p = 0; p < whole.planes; p += planes) {
      for (int r = 0; r < whole.rows; r += rows) {
        for (int k = 0; k < whole.steps; k += steps) {
          const Range outer = {p, Least(p + planes, whole.planes)};
          const Range middle = {r, Least(r + rows, whole.rows)};
          const Range inner = {k, Least(k + steps, whole.steps)};
          const Part part =
              order_ == Order::kPlanes ? Part{inner, outer, middle}
              : order_ == Order::kRows ? Part{outer, inner, middle}
                                       : Part{outer, middle, inner};
          RunPacked(part, column, columns);
        }
      }
    }
  }

  [[gnu::noinline]] void RunPacked(const Part& part, int column,
                                   int columns) const {
    const Panel panel(c_.w.Skip(column), part, order_, columns);
    Run({part, panel.packed(), column, columns});
  }

  // Some filters, or a part of them: w is at the first tap of the part.
  struct Filters {
    Part part;
    Operand w;
    int column;
    int columns;

    bool IsFirst() const {
      return part.planes.begin == 0 && part.rows.begin == 0 &&
             part.taps.begin == 0;
    }
  };

  [[gnu::noinline]] void Run(const Filters& filters) const {
    RunEdge(filters, {0, inside_.begin});
    RunItems(filters, inside_, filters.part.taps);
    RunEdge(filters, {inside_.end, c_.items});
  }

  // Neighbours that have the same taps on x go together.
  void RunEdge(const Filters& filters, Range items) const {
    while (items.begin < items.end) {
      const Range taps = TapsOf(items.begin);
      int end = items.begin + 1;
      while (end < items.end) {
        const Range next = TapsOf(end);
        if (next.begin != taps.begin || next.end != taps.end) break;
        ++end;
      }
      RunItems(filters, {items.begin, end}, Common(taps, filters.part.taps));
      items.begin = end;
    }
  }

  Range TapsOf(int item) const {
    return StepsInside(item * c_.x.item - c_.pad, c_.x.step, c_.width,
                       c_.terms.steps);
  }

  // The same items of every line.
  [[gnu::noinline]] void RunItems(const Filters& filters, Range items,
                                  Range taps) const {
    if (items.size() <= 0) return;
    const Part& part = filters.part;
    const Start start = filters.IsFirst() ? Start::kZero : Start::kSums;
    Operand x = c_.x.Skip(items.begin).SkipSteps(taps.begin);
    x.at += part.planes.begin * x.plane - c_.pad;
    const Operand w = filters.w.SkipSteps(taps.begin - part.taps.begin);
    Operand x_line = Reorder(x, order_);
    Operand w_line = Reorder(w, order_);
    Sums y = c_.y.Skip(items.begin, filters.column);
    for (int line = 0; line < lines_.count; ++line, y.at += lines_.y) {
      const int top = line * lines_.stride - lines_.pad;
      const Range rows =
          Common(StepsInside(top, lines_.step, lines_.height, c_.terms.rows),
                 part.rows);
      if (rows.size() > 0 && taps.size() > 0) {
        x_line.at = x.at + (top + rows.begin * lines_.step) * c_.width;
        w_line.at = w.at + (rows.begin - part.rows.begin) * w.row;
        const Terms terms = {part.planes.size(), rows.size(), taps.size()};
        RunGrid(grid_, x_line, w_line, Reorder(terms, order_), start, y,
                items.size(), filters.columns);
      } else if (start == Start::kZero) {
        Clear(y, items.size(), filters.columns);
      }
    }
  }

  static void Clear(const Sums& y, int items, int columns) {
    for (int n = 0; n < columns; ++n) {
      for (int m = 0; m < items; ++m) *y.Skip(m, n).at = 0.0f;
    }
  }

  static int Least(int a, int b) { return a < b ? a : b; }

  const Correlation& c_;
  const LineStack& lines_;
  const Order order_;
  const TileGrid& grid_;
  Range inside_;
};

}  // namespace

void CorrelateGrid(const Correlation& all, const LineStack& lines) {
  GridCorrelation(all, lines).Run();
}

}  // namespace biotrain
