// SPDX-License-Identifier: Apache-2.0
// Tiles of long sums over padded data: what lies between the micro-kernel and
// the convolutions.
#ifndef TFLM_TRAIN_KERNELS_TILE_SUM_H_
#define TFLM_TRAIN_KERNELS_TILE_SUM_H_

#include "tflm_train/kernels/geometry.h"
#include "tflm_train/kernels/operand.h"
#include "tflm_train/kernels/tile_grid.h"

namespace biotrain {

// Which steps each item of a tile takes; the others fall on padding.
struct ItemSteps {
  Range item[kMaxTileItems];  // unset if all take the same
  Range common = {0, 0};      // the steps that all items take
  Range any = {0, 0};  // from the first step to the last that any item takes

  // range_of(m) is the range of item m. Of no items there are no steps.
  template <typename RangeOf>
  ItemSteps(int items, const RangeOf& range_of) {
    for (int m = 0; m < items; ++m) item[m] = range_of(m);
    if (items > 0) Compare(items);
  }

  // The same steps for all items.
  explicit ItemSteps(Range all) : common(all), any(all) {}

 private:
  void Compare(int items);
};

// A tile of sums, added up in partial sums of at most kChunk terms. Where a
// partial sum ends is counted in steps, those on padding included, so that it
// does not depend on how outputs are grouped into tiles.
class TileSum {
 public:
  // out: [items,columns] in rows of `stride` floats. It holds the partial sums
  // until Finish.
  TileSum(const TileKind& kind, float* out, int stride)
      : kind_(kind), out_(out), stride_(stride) {}

  // The steps of terms begin at 0. takes: nullptr if every item takes them all.
  void Add(const Operand& a, const Operand& b, const Terms& terms,
           const ItemSteps* takes = nullptr) {
    const int pending = pending_ + terms.Count();
    if (takes != nullptr || pending > kChunk || terms.Count() == 0) {
      return AddInPieces(a, b, terms, takes);
    }
    kind_.whole(a, b, terms, start_, out_, stride_);
    start_ = Start::kSums;
    pending_ = pending;
  }

  // Leaves the whole sums in out.
  void Finish() {
    if (flushed_ || start_ == Start::kZero) Total();
  }

  // The same with a bias for every column, nullptr for none, and activation.
  void Finish(const float* bias, Activation activation) {
    Finish();
    if (bias != nullptr) AddBias(bias);
    if (activation != Activation::kNone) Activate(activation);
  }

 private:
  static constexpr int kChunk = 256;

  void AddInPieces(const Operand& a, const Operand& b, const Terms& terms,
                   const ItemSteps* takes);
  void AddPiece(const Operand& a, const Operand& b, const Terms& terms,
                const ItemSteps* takes);
  void AddRagged(const Operand& a, const Operand& b, const Terms& common,
                 Range any, const ItemSteps& takes);
  void AddItems(const Operand& a, const Operand& b, const Terms& terms,
                const ItemSteps& takes);
  void Clear();
  void Flush();
  void Total();
  void AddBias(const float* bias);
  void Activate(Activation activation);

  const TileKind& kind_;
  float* out_;
  int stride_;
  Start start_ = Start::kZero;
  bool flushed_ = false;
  int pending_ = 0;
  float total_[kMaxTileSums];  // [items,columns], unset if not flushed
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_TILE_SUM_H_
