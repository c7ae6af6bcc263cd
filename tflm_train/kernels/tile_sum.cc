// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/tile_sum.h"

#include "tflm_train/kernels/activation.h"

namespace biotrain {
namespace {

constexpr Range Overlap(Range a, Range b) {
  const int begin = a.begin > b.begin ? a.begin : b.begin;
  const int end = a.end < b.end ? a.end : b.end;
  return {begin, end > begin ? end : begin};
}

// total += sums, where total is dense and zero at first.
template <int kColumns>
void AddToTotal(const float* sums, int stride, int rows, bool first,
                float* total) {
  for (; rows > 0; --rows, sums += stride, total += kColumns) {
    for (int n = 0; n < kColumns; ++n) {
      total[n] = (first ? 0.0f : total[n]) + sums[n];
    }
  }
}

// sums = total + sums
template <int kColumns>
void AddTotal(const float* total, int rows, float* sums, int stride) {
  for (; rows > 0; --rows, sums += stride, total += kColumns) {
    for (int n = 0; n < kColumns; ++n) sums[n] = total[n] + sums[n];
  }
}

template <int kColumns>
void AddToRows(const float* shift, int rows, float* sums, int stride) {
  float shifts[kColumns];
  for (int n = 0; n < kColumns; ++n) shifts[n] = shift[n];
  for (; rows > 0; --rows, sums += stride) {
    for (int n = 0; n < kColumns; ++n) sums[n] += shifts[n];
  }
}

}  // namespace

void ItemSteps::Compare(int items) {
  common = any = item[0];
  for (int m = 1; m < items; ++m) {
    common = Overlap(common, item[m]);
    if (item[m].begin < any.begin) any.begin = item[m].begin;
    if (item[m].end > any.end) any.end = item[m].end;
  }
}

void TileSum::AddInPieces(const Operand& a, const Operand& b,
                          const Terms& terms, const ItemSteps* takes) {
  const Range rows = terms.rows;
  const int steps = terms.steps.end;
  if (pending_ + terms.Count() <= kChunk) return AddPiece(a, b, terms, takes);
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

void TileSum::AddPiece(const Operand& a, const Operand& b, const Terms& terms,
                       const ItemSteps* takes) {
  if (pending_ + terms.Count() > kChunk) Flush();
  pending_ += terms.Count();
  Range any = terms.steps;
  if (takes != nullptr) {
    any = Overlap(any, takes->any);
    const Range common = Overlap(any, takes->common);
    if (common.size() < any.size()) {
      return AddRagged(a, b, {terms.rows, common}, any, *takes);
    }
  }
  if (any.size() <= 0) return;
  kind_.whole(a, b, {terms.rows, any}, start_, out_, stride_);
  start_ = Start::kSums;
}

// The steps before those that all items take, these, and the steps after.
void TileSum::AddRagged(const Operand& a, const Operand& b, const Terms& common,
                        Range any, const ItemSteps& takes) {
  const Range steps = common.steps;
  const Range before = {any.begin, steps.size() > 0 ? steps.begin : any.end};
  const Range after = {steps.end, steps.size() > 0 ? any.end : steps.end};
  if (start_ == Start::kZero && before.size() > 0) Clear();
  for (int row = common.rows.begin; row < common.rows.end; ++row) {
    const Range only = {row, row + 1};
    if (before.size() > 0) AddItems(a, b, {only, before}, takes);
    if (steps.size() > 0) {
      kind_.whole(a, b, {only, steps}, start_, out_, stride_);
      start_ = Start::kSums;
    }
    if (after.size() > 0) AddItems(a, b, {only, after}, takes);
  }
}

void TileSum::AddItems(const Operand& a, const Operand& b, const Terms& terms,
                       const ItemSteps& takes) {
  Terms own = terms;
  Operand item = a;
  float* out = out_;
  for (int m = 0; m < kind_.items; ++m) {
    own.steps = Overlap(terms.steps, takes.item[m]);
    if (own.steps.size() > 0) {
      kind_.one_item(item, b, own, Start::kSums, out, stride_);
    }
    item.start += a.item;
    out += stride_;
  }
}

void TileSum::Clear() {
  constexpr Operand kNone = {nullptr, 0, 0, 0, 0};
  kind_.whole(kNone, kNone, {{0, 0}, {0, 0}}, Start::kZero, out_, stride_);
  start_ = Start::kSums;
}

void TileSum::Flush() {
  const bool first = !flushed_;
  flushed_ = true;
  pending_ = 0;
  if (start_ == Start::kZero) {
    if (!first) return;
    Clear();
  }
  start_ = Start::kZero;
  if (kind_.columns == 4) {
    AddToTotal<4>(out_, stride_, kind_.items, first, total_);
  } else if (kind_.columns == 2) {
    AddToTotal<2>(out_, stride_, kind_.items, first, total_);
  } else {
    AddToTotal<1>(out_, stride_, kind_.items, first, total_);
  }
}

void TileSum::Total() {
  if (start_ == Start::kZero) Clear();
  if (!flushed_) return;
  if (kind_.columns == 4) {
    AddTotal<4>(total_, kind_.items, out_, stride_);
  } else if (kind_.columns == 2) {
    AddTotal<2>(total_, kind_.items, out_, stride_);
  } else {
    AddTotal<1>(total_, kind_.items, out_, stride_);
  }
}

void TileSum::AddBias(const float* bias) {
  if (kind_.columns == 4) {
    AddToRows<4>(bias, kind_.items, out_, stride_);
  } else if (kind_.columns == 2) {
    AddToRows<2>(bias, kind_.items, out_, stride_);
  } else {
    AddToRows<1>(bias, kind_.items, out_, stride_);
  }
}

void TileSum::Activate(Activation activation) {
  float* out = out_;
  for (int m = 0; m < kind_.items; ++m, out += stride_) {
    for (int n = 0; n < kind_.columns; ++n) {
      out[n] = biotrain::Activate(out[n], activation);
    }
  }
}

}  // namespace biotrain
