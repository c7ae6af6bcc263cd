// SPDX-License-Identifier: Apache-2.0
// Tiles of long sums over padded data: what lies between the micro-kernel and
// the convolutions.
#ifndef TFLM_TRAIN_KERNELS_TILE_SUM_H_
#define TFLM_TRAIN_KERNELS_TILE_SUM_H_

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/geometry.h"
#include "tflm_train/kernels/tile.h"

namespace biotrain {

constexpr Range Overlap(Range a, Range b) {
  const int begin = a.begin > b.begin ? a.begin : b.begin;
  const int end = a.end < b.end ? a.end : b.end;
  return {begin, end > begin ? end : begin};
}

// Which steps each item of a tile takes; the others fall on padding.
template <int kM>
struct ItemSteps {
  Range item[kM];  // unset if uniform
  Range common;    // the steps that all items take
  bool uniform;    // no item takes any other

  static ItemSteps All(int steps) {
    ItemSteps all;
    all.common = {0, steps};
    all.uniform = true;
    return all;
  }

  // range_of(m) is the range of item m.
  template <typename RangeOf>
  static ItemSteps Each(RangeOf range_of) {
    ItemSteps each;
    for (int m = 0; m < kM; ++m) {
      each.item[m] = range_of(m);
      each.common = m == 0 ? each.item[0] : Overlap(each.common, each.item[m]);
    }
    each.uniform = true;
    for (const Range& range : each.item) {
      each.uniform = each.uniform && range.begin == each.common.begin &&
                     range.end == each.common.end;
    }
    return each;
  }
};

// A tile of sums, added up in partial sums of at most kChunk terms. Where a
// partial sum ends is counted in steps, those on padding included, so that it
// does not depend on how outputs are grouped into tiles.
template <int kM, int kN, Contiguous kA, Contiguous kB>
class TileSum {
 public:
  [[gnu::noinline]] void Add(const Operand& a, const Operand& b, Range rows,
                             int steps, const ItemSteps<kM>& takes) {
    if (pending_ + rows.size() * steps <= kChunk) {
      AddPiece(a, b, {rows, {0, steps}}, takes);
      return;
    }
    if (steps > kChunk) {
      for (int row = rows.begin; row < rows.end; ++row) {
        for (int begin = 0; begin < steps; begin += kChunk) {
          const int end = steps - begin < kChunk ? steps : begin + kChunk;
          AddPiece(a, b, {{row, row + 1}, {begin, end}}, takes);
        }
      }
      return;
    }
    for (int row = rows.begin; row < rows.end;) {
      const int space = kChunk - pending_;
      const int fitting = (space < steps ? kChunk : space) / steps;
      const int left = rows.end - row;
      const int count = left < fitting ? left : fitting;
      AddPiece(a, b, {{row, row + count}, {0, steps}}, takes);
      row += count;
    }
  }

  void AddAll(const Operand& a, const Operand& b, Range rows, int steps) {
    Add(a, b, rows, steps, ItemSteps<kM>::All(steps));
  }

  // out: [kM,kN] in rows of `stride` floats.
  [[gnu::noinline]] void Store(float* out, int stride) {
    Finish();
    StoreSums(out, stride);
  }

  // The same with a bias for every column, nullptr for none, and activation.
  [[gnu::noinline]] void Store(float* out, int stride, const float* bias,
                               Activation activation) {
    Finish();
    if (bias != nullptr) {
      Repeat<kN>([&](auto n) {
        const float shift = bias[n];
        Repeat<kM>([&](auto m) { partial_[m * kN + n] += shift; });
      });
    }
    if (activation != Activation::kNone) {
      for (float& sum : partial_) sum = Activate(sum, activation);
    }
    StoreSums(out, stride);
  }

 private:
  static constexpr int kChunk = 256;
  static constexpr int kSize = kM * kN;
  using Whole = Tile<kM, kN, kA, kB>;
  using OneItem = Tile<1, kN, OfOneItem(kA), kB>;

  static void Clear(float* sums) {
    for (int i = 0; i < kSize; ++i) sums[i] = 0.0f;
  }

  void StoreSums(float* out, int stride) const {
    Repeat<kM>([&](auto m) {
      Repeat<kN>([&](auto n) { out[n] = partial_[m * kN + n]; });
      out += stride;
    });
  }

  // Leaves the whole sums in partial_.
  void Finish() {
    if (start_ == Start::kZero) Clear(partial_);
    if (!flushed_) return;
    for (int i = 0; i < kSize; ++i) partial_[i] = total_[i] + partial_[i];
  }

  [[gnu::noinline]] void Flush() {
    if (!flushed_) Clear(total_);
    for (int i = 0; i < kSize && start_ == Start::kSums; ++i) {
      total_[i] += partial_[i];
    }
    flushed_ = true;
    start_ = Start::kZero;
    pending_ = 0;
  }

  void AddPiece(const Operand& a, const Operand& b, const Terms& terms,
                const ItemSteps<kM>& takes) {
    const int count = terms.rows.size() * terms.steps.size();
    if (pending_ + count > kChunk) Flush();
    pending_ += count;
    if (!takes.uniform) return AddRagged(a, b, terms, takes);
    const Range steps = Overlap(terms.steps, takes.common);
    if (steps.size() <= 0) return;
    Whole::Accumulate(a, b, {terms.rows, steps}, start_, partial_);
    start_ = Start::kSums;
  }

  // The steps before those that all items take, these, and the steps after.
  [[gnu::noinline]] void AddRagged(const Operand& a, const Operand& b,
                                   const Terms& terms,
                                   const ItemSteps<kM>& takes) {
    if (start_ == Start::kZero) Clear(partial_);
    start_ = Start::kSums;
    const Range common = Overlap(terms.steps, takes.common);
    for (int row = terms.rows.begin; row < terms.rows.end; ++row) {
      const Range only = {row, row + 1};
      for (int m = 0; m < kM; ++m) {
        const Range own = Overlap(terms.steps, takes.item[m]);
        const int end = common.size() > 0 ? common.begin : own.end;
        AddItem(a, b, m, {only, {own.begin, end}});
      }
      if (common.size() <= 0) continue;
      Whole::Accumulate(a, b, {only, common}, Start::kSums, partial_);
      for (int m = 0; m < kM; ++m) {
        const Range own = Overlap(terms.steps, takes.item[m]);
        AddItem(a, b, m, {only, {common.end, own.end}});
      }
    }
  }

  void AddItem(const Operand& a, const Operand& b, int m, const Terms& terms) {
    if (terms.steps.size() <= 0) return;
    OneItem::Accumulate(a.Skip(m), b, terms, Start::kSums, partial_ + m * kN);
  }

  float partial_[kSize];
  float total_[kSize];
  Start start_ = Start::kZero;
  bool flushed_ = false;
  int pending_ = 0;
};

// Covers items x columns by tiles of kM x kN, then of one item or column:
// calls visit.template Run<m, n, along a, along b>(first item, first column).
template <int kM, int kN, Contiguous kA, Contiguous kB, typename Visit>
inline void ForEachTile(int items, Range columns, const Visit& visit) {
  constexpr Contiguous kOne = OfOneItem(kA);
  constexpr Contiguous kOneColumn = Contiguous::kItems;
  int m = 0;
  for (; m + kM <= items; m += kM) {
    int n = columns.begin;
    for (; n + kN <= columns.end; n += kN) {
      visit.template Run<kM, kN, kA, kB>(m, n);
    }
    for (; n < columns.end; ++n)
      visit.template Run<kM, 1, kA, kOneColumn>(m, n);
  }
  for (; m < items; ++m) {
    int n = columns.begin;
    for (; n + kN <= columns.end; n += kN) {
      visit.template Run<1, kN, kOne, kB>(m, n);
    }
    for (; n < columns.end; ++n)
      visit.template Run<1, 1, kOne, kOneColumn>(m, n);
  }
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_TILE_SUM_H_
