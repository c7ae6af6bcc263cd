// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/regions.h"

#include <cstring>

namespace biotrain {
namespace {

constexpr size_t kMaxPieces = 32;

Status NoPlan(const char* what, int64_t wanted, int64_t found) {
  return Error(StatusCode::kNoPlan, what, wanted, found);
}

// Where a piece lies in its region.
struct Extent {
  int32_t region;
  int64_t begin, end;
};

Extent ExtentOf(Span<const int32_t> pieces, size_t word) {
  const int64_t begin = word == 0 ? 0 : pieces[word - kPieceWords];
  const int64_t shift = pieces[word + 2];
  return {pieces[word + 1], begin + shift, pieces[word] + shift};
}

Status CheckPieces(const RegionTable& table, int32_t arena_bytes) {
  const Span<const int32_t> pieces = table.pieces;
  int32_t end = 0;
  for (size_t i = 0; i < pieces.size(); i += kPieceWords) {
    if (pieces[i] <= end || pieces[i] % kArenaAlignment != 0) {
      return NoPlan("piece_end", end, pieces[i]);
    }
    end = pieces[i];
    const Extent own = ExtentOf(pieces, i);
    if (own.region < 0 || own.region >= static_cast<int>(table.bytes.size())) {
      return NoPlan("piece_region", table.bytes.size(), own.region);
    }
    if (own.begin < 0 || own.begin % kArenaAlignment != 0 ||
        own.end > table.bytes[own.region]) {
      return NoPlan("region_bytes", own.end, table.bytes[own.region]);
    }
    for (size_t k = 0; k < i; k += kPieceWords) {
      const Extent other = ExtentOf(pieces, k);
      if (other.region == own.region && other.begin < own.end &&
          own.begin < other.end) {
        return NoPlan("pieces_overlap", other.end, own.begin);
      }
    }
  }
  return end == arena_bytes ? Status() : NoPlan("pieces", arena_bytes, end);
}

}  // namespace

const int32_t Arena::kOnePiece[kPieceWords] = {INT32_MAX, 0, 0};

Status ReadRegions(Span<const int32_t> plan, int32_t arena_bytes,
                   RegionTable* table) {
  if (plan.size() < 2) return NoPlan("region_words", 2, plan.size());
  const int32_t regions = plan[0], pieces = plan[1];
  if (regions < 1 || regions > kMaxRegions) {
    return NoPlan("regions", kMaxRegions, regions);
  }
  if (pieces < 1 || pieces > static_cast<int32_t>(kMaxPieces)) {
    return NoPlan("pieces", kMaxPieces, pieces);
  }
  const size_t region_count = regions, piece_words = pieces * kPieceWords;
  if (plan.size() - 2 < region_count + piece_words) {
    return NoPlan("region_words", region_count + piece_words, plan.size());
  }
  table->bytes = {plan.data() + 2, region_count};
  table->pieces = {plan.data() + 2 + region_count, piece_words};
  return CheckPieces(*table, arena_bytes);
}

Arena::Arena(Span<uint8_t> memory) { regions_[0] = memory.data(); }

Arena::Arena(const RegionTable& table, Span<const Span<uint8_t>> regions)
    : pieces_(table.pieces.data()) {
  for (size_t i = 0; i < regions.size() && i < kMaxRegions; ++i) {
    regions_[i] = regions[i].data();
  }
}

bool Arena::Holds(int32_t begin, int32_t end) const {
  const int32_t* piece = pieces_;
  while (begin >= piece[0]) piece += kPieceWords;
  return end <= piece[0];
}

Span<uint8_t> Arena::Piece(int32_t begin, int32_t end) const {
  if (begin >= end) return {};
  const int32_t* piece = pieces_;
  while (begin >= piece[0]) piece += kPieceWords;
  const int32_t last = end < piece[0] ? end : piece[0];
  return {At(begin), static_cast<size_t>(last - begin)};
}

void Arena::Clear(int32_t begin, int32_t end) const {
  while (begin < end) {
    const Span<uint8_t> piece = Piece(begin, end);
    std::memset(piece.data(), 0, piece.size());
    begin += static_cast<int32_t>(piece.size());
  }
}

}  // namespace biotrain
