// SPDX-License-Identifier: Apache-2.0
// Which micro-kernels cover a grid of sums. There is one instance of each, told
// from the others at run time: they are the bulk of the code of all
// convolutions and products.
#ifndef TFLM_TRAIN_KERNELS_TILE_GRID_H_
#define TFLM_TRAIN_KERNELS_TILE_GRID_H_

#include "tflm_train/kernels/geometry.h"
#include "tflm_train/kernels/operand.h"

namespace biotrain {

// A micro-kernel: see Tile in tile.h. Rows of sums are `stride` floats apart.
using AccumulateTile = void (*)(const Operand& a, const Operand& b,
                                const Terms& terms, Start start, float* sums,
                                int stride);

constexpr int kMaxTileItems = 8;
constexpr int kMaxTileSums = 24;

struct TileKind {
  int items;
  int columns;
  AccumulateTile whole;
  AccumulateTile one_item;  // of such a tile
};

struct TileGrid {
  TileKind kinds[2][2];  // [several items or one][several columns or one]
};

// By how the items and the columns lie in memory, see Contiguous in tile.h.
extern const TileGrid kStepsByStepsGrid;
extern const TileGrid kStepsByItemsGrid;
extern const TileGrid kItemsByStepsGrid;
extern const TileGrid kItemsByItemsGrid;
extern const TileGrid kWindowByStepsGrid;
extern const TileGrid kWindowByItemsGrid;
extern const TileGrid kNothingByItemsGrid;
extern const TileGrid kLaneOfOneByItemsGrid;
extern const TileGrid kLaneOfTwoByItemsGrid;
// For a single column.
extern const TileGrid kStepsByOneGrid;

// Covers items x columns by the grid's largest tiles, then by those of one item
// or column: calls visit.Run(kind, first item, first column).
template <typename Visit>
inline void ForEachTile(const TileGrid& grid, int items, Range columns,
                        const Visit& visit) {
  for (int m = 0; m < items;) {
    const bool several = m + grid.kinds[0][0].items <= items;
    const TileKind* const kinds = grid.kinds[several ? 0 : 1];
    for (int n = columns.begin; n < columns.end;) {
      const TileKind& kind = kinds[n + kinds[0].columns <= columns.end ? 0 : 1];
      visit.Run(kind, m, n);
      n += kind.columns;
    }
    m += kinds[0].items;
  }
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_TILE_GRID_H_
