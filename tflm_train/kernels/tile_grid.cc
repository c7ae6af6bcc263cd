// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/tile_grid.h"

#include "tflm_train/kernels/tile.h"

namespace biotrain {
namespace {

template <int kM, int kN, Contiguous kA, Contiguous kB>
constexpr TileKind KindOf() {
  static_assert(kM <= kMaxTileItems && kM * kN <= kMaxTileSums);
  return {kM, kN, Tile<kM, kN, kA, kB>::Accumulate,
          Tile<1, kN, OfOneItem(kA), kB>::Accumulate};
}

template <int kM, int kN, Contiguous kA, Contiguous kB>
constexpr TileGrid GridOf() {
  constexpr Contiguous kOneColumn = Contiguous::kItems;
  constexpr Contiguous kOne = OfOneItem(kA);
  return {{{KindOf<kM, kN, kA, kB>(), KindOf<kM, 1, kA, kOneColumn>()},
           {KindOf<1, kN, kOne, kB>(), KindOf<1, 1, kOne, kOneColumn>()}}};
}

constexpr Contiguous kItems = Contiguous::kItems;
constexpr Contiguous kSteps = Contiguous::kSteps;

}  // namespace

constexpr TileGrid kStepsByStepsGrid = GridOf<4, 4, kSteps, kSteps>();
constexpr TileGrid kStepsByItemsGrid = GridOf<4, 4, kSteps, kItems>();
constexpr TileGrid kItemsByStepsGrid = GridOf<4, 4, kItems, kSteps>();
constexpr TileGrid kItemsByItemsGrid = GridOf<4, 4, kItems, kItems>();
constexpr TileGrid kWindowByStepsGrid =
    GridOf<8, 2, Contiguous::kWindow, kSteps>();
constexpr TileGrid kWindowByItemsGrid =
    GridOf<8, 2, Contiguous::kWindow, kItems>();
constexpr TileGrid kNothingByItemsGrid =
    GridOf<8, 2, Contiguous::kNothing, kItems>();
constexpr TileGrid kLaneOfOneByItemsGrid =
    GridOf<6, 4, Contiguous::kLaneOfOne, kItems>();
constexpr TileGrid kLaneOfTwoByItemsGrid =
    GridOf<6, 4, Contiguous::kLaneOfTwo, kItems>();
constexpr TileGrid kStepsByOneGrid = GridOf<8, 1, kSteps, kItems>();

}  // namespace biotrain
