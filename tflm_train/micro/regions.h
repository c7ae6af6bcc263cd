// SPDX-License-Identifier: Apache-2.0
// The memory of a plan. A plan has one address space from 0 on; it lies in one
// region, or in pieces of several.
#ifndef TFLM_TRAIN_MICRO_REGIONS_H_
#define TFLM_TRAIN_MICRO_REGIONS_H_

#include <cstddef>
#include <cstdint>

#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"

namespace biotrain {

constexpr int kMaxRegions = 4;
constexpr int32_t kArenaAlignment = 16;

// Words of a piece: where it ends in the address space, its region, and what
// is to be added to one of its offsets to get one in the region.
constexpr int kPieceWords = 3;

// What a plan says of its regions.
struct RegionTable {
  Span<const int32_t> bytes;   // of each region
  Span<const int32_t> pieces;  // kPieceWords of each, the lowest first
  size_t words() const { return 2 + bytes.size() + pieces.size(); }
};

// Reads a table at the beginning of `plan`; the pieces must cover
// [0, arena_bytes) and lie in their regions side by side.
Status ReadRegions(Span<const int32_t> plan, int32_t arena_bytes,
                   RegionTable* table);

class Arena {
 public:
  Arena() = default;
  // All of the address space in one place.
  Arena(Span<uint8_t> memory);
  // `regions`: one for each of the table, which must outlive the arena.
  Arena(const RegionTable& table, Span<const Span<uint8_t>> regions);

  // Where the byte at `offset` is, for offsets that Holds() was asked about.
  uint8_t* At(int32_t offset) const {
    const int32_t* piece = pieces_;
    while (offset >= piece[0]) piece += kPieceWords;
    return regions_[piece[1]] + (offset + piece[2]);
  }
  // Whether [begin, end) lies in one piece.
  bool Holds(int32_t begin, int32_t end) const;
  // Bytes from `begin` on, up to `end` at most, that lie in one piece.
  Span<uint8_t> Piece(int32_t begin, int32_t end) const;
  // Zeroes [begin, end), in however many pieces.
  void Clear(int32_t begin, int32_t end) const;

 private:
  static const int32_t kOnePiece[kPieceWords];

  const int32_t* pieces_ = kOnePiece;
  uint8_t* regions_[kMaxRegions] = {};
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_REGIONS_H_
