// SPDX-License-Identifier: Apache-2.0
// Which micro-kernels cover a grid of sums. There is one instance of each, told
// from the others at run time: they are the bulk of the code of all
// convolutions and products. The order of summation is the same in all.
#ifndef TFLM_TRAIN_KERNELS_TILE_GRID_H_
#define TFLM_TRAIN_KERNELS_TILE_GRID_H_

#include "tflm_train/kernels/operand.h"
#include "tflm_train/kernels/tile.h"

namespace biotrain {

// `tiles` tiles of neighbouring items: see Tile in tile.h.
using RunTiles = void (*)(const Operand& a, const Operand& b,
                          const Terms& terms, Start start, const Sums& sums,
                          int tiles);

struct TileKind {
  int items;
  int columns;
  RunTiles any;       // terms
  RunTiles one_line;  // of two terms or more, from zero

  RunTiles For(const Terms& terms, Start start) const {
    const bool one = terms.planes * terms.rows == 1 && terms.steps > 1;
    return one && start == Start::kZero ? one_line : any;
  }
};

struct TileGrid {
  TileKind kinds[2][2];  // [several items or one][several columns or one]
};

// By how the items and the columns lie in memory, see Along in tile.h.
extern const TileGrid kStepsByStepsGrid;
extern const TileGrid kStepsByItemsGrid;
extern const TileGrid kItemsByItemsGrid;
extern const TileGrid kNothingByStepsGrid;
extern const TileGrid kNothingByItemsGrid;
// For few columns.
extern const TileGrid kItemsByFewGrid;
extern const TileGrid kStepsByFewGrid;
extern const TileGrid kStepsByFewTailGrid;  // smaller

// A filter that slides along a line of neighbouring items: the terms of a line
// up to the last multiple of `period` steps, and the others.
struct WindowKind {
  int items;
  int columns;
  int period;
  RunTiles whole;
  RunTiles one_line;  // of whole turns
  RunTiles rest;
};

struct WindowGrid {
  WindowKind kinds[2];  // several columns or one
};

// The same for the gradient of a filter: items are neighbouring taps, and every
// part of a line has whole turns.
using RunParts = void (*)(const LinePart* part, int parts, Start start,
                          const Sums& sums);

struct TapKind {
  int items;
  int columns;
  int period;
  RunParts run;
};

extern const TapKind kManyTaps;
extern const TapKind kFewTaps[2];  // of several columns or one

// Filters and lines of at least so many taps and outputs slide. The gradient of
// a filter slides by the same rule, its items being taps.
constexpr int kLongFilter = 16;
constexpr int kShortFilter = 8;
constexpr int kMostWindowItems = BIOTRAIN_SCALAR_WINDOWS ? 16 : 20;

extern const WindowGrid kLongFilterWindow;
extern const WindowGrid kLongFilterBackWindow;
extern const WindowGrid kShortFilterWindow;
extern const WindowGrid kShortFilterBackWindow;

// Covers items x columns: whole tiles, the last of which may overlap its
// neighbour, then tiles of one item or column.
void RunGrid(const TileGrid& grid, const Operand& a, const Operand& b,
             const Terms& terms, Start start, const Sums& sums, int items,
             int columns);

// The same with a window. Where items are fewer than a tile's or sums go on
// from memory, a is read up to kLongFilter items too far.
void RunWindow(const WindowGrid& grid, const Operand& a, const Operand& b,
               const Terms& terms, Start start, const Sums& sums, int items,
               int columns);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_TILE_GRID_H_
