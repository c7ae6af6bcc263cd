// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/tile_grid.h"

#include "tflm_train/kernels/outer.h"
#include "tflm_train/kernels/window.h"

namespace biotrain {
namespace {

constexpr Along kItems = Along::kItems;
constexpr Along kSteps = Along::kSteps;
constexpr Along kBack = Along::kBack;
constexpr Along kNothing = Along::kNothing;

// The sizes are those that leave no sum in memory: sums, the values of a and
// one of b share the 32 registers of the microcontrollers.
#if BIOTRAIN_SCALAR_WINDOWS
constexpr int kLongItems = 15;
constexpr int kManyTapsPeriod = 15;
#else
constexpr int kLongItems = 20;
constexpr int kManyTapsPeriod = 16;
#endif
#if BIOTRAIN_SCALAR_TILES
constexpr int kWideItems = 6;
constexpr int kFewItems = 12;
#else
constexpr int kWideItems = 8;
constexpr int kFewItems = 16;
#endif

template <int kM, int kN, Along kA, Along kB>
constexpr TileKind KindOf() {
  return {kM, kN, Tile<kM, kN, kA, kB>::Run, Tile<kM, kN, kA, kB>::Run};
}

template <int kM, int kN, Along kA, Along kB>
constexpr TileGrid GridOf() {
  return {{{KindOf<kM, kN, kA, kB>(), KindOf<kM, 1, kA, kB>()},
           {KindOf<1, kN, kA, kB>(), KindOf<1, 1, kA, kB>()}}};
}

// With a kernel of its own for sums over one line.
template <int kM, int kN, Along kB>
constexpr TileGrid LineGridOf() {
  TileGrid grid = GridOf<kM, kN, kItems, kB>();
  grid.kinds[0][0].one_line = Tile<kM, kN, kItems, kB, Lines::kOne>::Run;
  return grid;
}

template <int kM, int kN, int kPeriod, Along kB, Lines kMost>
constexpr WindowKind WindowOf() {
  return {kM,
          kN,
          kPeriod,
          Window<kM, kN, kPeriod, kB, kMost>::Run,
          Window < kM,
          kN,
          kPeriod,
          kB,
          kN == 1 ? Lines::kOne : kMost > ::Run,
          Tile<kM, kN, kItems, kB>::Run};
}

template <Along kB>
constexpr WindowGrid LongWindow() {
  constexpr WindowKind kOne = WindowOf<kLongItems, 1, 16, kB, Lines::kAny>();
#if BIOTRAIN_SCALAR_WINDOWS
  return {{kOne, kOne}};
#else
  return {{WindowOf<12, 2, 16, kB, Lines::kAny>(), kOne}};
#endif
}

template <Along kB>
constexpr WindowGrid TwoColumnWindow() {
  return {{WindowOf<8, 2, 8, kB, Lines::kAny>(),
           WindowOf<8, 1, 8, kB, Lines::kAny>()}};
}

template <int kM, int kN, int kPeriod>
constexpr TapKind TapsOf() {
  return {kM, kN, kPeriod,
          Window<kM, kN, kPeriod, kSteps, Lines::kOne>::RunParts};
}

using RunColumns = void (*)(const Operand& a, const Operand& b,
                            const Sums& sums, int columns, int tiles);

struct OuterKind {
  int items;
  int steps;
  RunColumns neighbouring_items;
  RunColumns neighbouring_columns;
};

template <int kM, int kCount>
constexpr OuterKind OuterOf() {
  return {kM, kCount, Outer<kM, kCount, kItems>::Run,
          Outer<kM, kCount, kNothing>::Run};
}

constexpr OuterKind kOuterKinds[] = {OuterOf<12, 1>(), OuterOf<14, 2>(),
                                     OuterOf<8, 2>(), OuterOf<4, 4>()};
constexpr int kFewestOuterColumns = 8;

// Sums of so few terms over many columns; false if there is no kernel for them.
bool RunOuter(const Operand& a, const Operand& b, const Terms& terms,
              Start start, const Sums& sums, int items, int columns) {
  if (terms.planes * terms.rows != 1 || start != Start::kZero ||
      columns < kFewestOuterColumns || (sums.item == 1 && a.item != 1)) {
    return false;
  }
  for (const OuterKind& kind : kOuterKinds) {
    if (kind.steps != terms.steps || kind.items > items) continue;
    const RunColumns run =
        sums.item == 1 ? kind.neighbouring_items : kind.neighbouring_columns;
    const int tiles = items / kind.items;
    run(a, b, sums, columns, tiles);
    if (tiles * kind.items < items) {
      const int last = items - kind.items;
      run(a.Skip(last), b, sums.Skip(last, 0), columns, 1);
    }
    return true;
  }
  return false;
}

}  // namespace

constexpr TileGrid kStepsByStepsGrid = GridOf<4, 4, kSteps, kSteps>();
constexpr TileGrid kStepsByItemsGrid = GridOf<4, 4, kSteps, kItems>();
constexpr TileGrid kNothingByStepsGrid = GridOf<4, 4, kNothing, kSteps>();
constexpr TileGrid kStepsByFewGrid = GridOf<8, 2, kSteps, kSteps>();
constexpr TileGrid kStepsByFewTailGrid = GridOf<6, 2, kSteps, kSteps>();
constexpr TileGrid kItemsByItemsGrid = LineGridOf<kWideItems, 4, kItems>();
constexpr TileGrid kNothingByItemsGrid = {
    {{KindOf<kWideItems, 4, kNothing, kItems>(),
      KindOf<kWideItems, 1, kNothing, kItems>()},
     {kItemsByItemsGrid.kinds[1][0], kItemsByItemsGrid.kinds[1][1]}}};
constexpr TileGrid kItemsByFewGrid = LineGridOf<kFewItems, 2, kItems>();

// Filters are mostly of 16, 32, 64 or 128 taps: these are whole turns of the
// window in a sum over taps, and whole tiles where the items are taps.
constexpr WindowGrid kLongFilterWindow = LongWindow<kSteps>();
constexpr WindowGrid kLongFilterBackWindow = LongWindow<kBack>();
constexpr TapKind kManyTaps = TapsOf<16, 1, kManyTapsPeriod>();
constexpr TapKind kFewTaps[2] = {TapsOf<8, 2, 8>(), TapsOf<8, 1, 8>()};
constexpr WindowGrid kShortFilterWindow = TwoColumnWindow<kSteps>();
constexpr WindowGrid kShortFilterBackWindow = TwoColumnWindow<kBack>();

namespace {

// Items one by one. Those of a strided line have the kernels of neighbours, so
// that these must not go from one to the next themselves.
void RunSingly(const TileGrid& grid, int narrow, const Operand& a,
               const Operand& b, const Terms& terms, Start start,
               const Sums& sums, int items) {
  const RunTiles run = grid.kinds[1][narrow].any;
  if (&grid != &kNothingByItemsGrid) {
    return run(a, b, terms, start, sums, items);
  }
  for (int m = 0; m < items; ++m) {
    run(a.Skip(m), b, terms, start, sums.Skip(m, 0), 1);
  }
}

}  // namespace

void RunGrid(const TileGrid& grid, const Operand& a, const Operand& b,
             const Terms& terms, Start start, const Sums& sums, int items,
             int columns) {
  // Where neither items nor columns of the sums are neighbours, as those of
  // strided inputs' gradients, columns go one by one.
  const bool scattered = sums.item != 1 && sums.column != 1;
  if (!scattered && RunOuter(a, b, terms, start, sums, items, columns)) return;
  const int wide = grid.kinds[0][0].items;
  for (int n = 0; n < columns;) {
    const int narrow =
        !scattered && n + grid.kinds[0][0].columns <= columns ? 0 : 1;
    const Operand b_here = b.Skip(n);
    if (items >= wide) {
      const RunTiles run = grid.kinds[0][narrow].For(terms, start);
      const int tiles = items / wide;
      run(a, b_here, terms, start, sums.Skip(0, n), tiles);
      const int left = items - tiles * wide;
      // Sums that go on from memory must not be added to twice.
      if (left > 0 && start == Start::kZero) {
        run(a.Skip(items - wide), b_here, terms, start,
            sums.Skip(items - wide, n), 1);
      } else if (left > 0) {
        RunSingly(grid, narrow, a.Skip(items - left), b_here, terms, start,
                  sums.Skip(items - left, n), left);
      }
    } else {
      RunSingly(grid, narrow, a, b_here, terms, start, sums.Skip(0, n), items);
    }
    n += grid.kinds[0][narrow].columns;
  }
}

namespace {

struct WindowRun {
  const WindowKind& kind;
  Operand b;
  Terms terms;
  Start start;

  void Run(const Operand& a, const Sums& sums, int tiles) const {
    const int whole = terms.steps - terms.steps % kind.period;
    Start now = start;
    if (whole > 0) {
      const RunTiles run =
          terms.planes * terms.rows == 1 ? kind.one_line : kind.whole;
      run(a, b, {terms.planes, terms.rows, whole}, now, sums, tiles);
      now = Start::kSums;
    }
    if (whole < terms.steps) {
      kind.rest(a.SkipSteps(whole), b.SkipSteps(whole),
                {terms.planes, terms.rows, terms.steps - whole}, now, sums,
                tiles);
    }
  }

  // The first `items` of a tile.
  void RunPart(const Operand& a, const Sums& sums, int items) const {
    float tile[2 * kMostWindowItems] = {};
    const Sums aside = {tile, 1, kMostWindowItems};
    for (int n = 0; start == Start::kSums && n < kind.columns; ++n) {
      for (int m = 0; m < items; ++m)
        *aside.Skip(m, n).at = *sums.Skip(m, n).at;
    }
    Run(a, aside, 1);
    for (int n = 0; n < kind.columns; ++n) {
      for (int m = 0; m < items; ++m)
        *sums.Skip(m, n).at = *aside.Skip(m, n).at;
    }
  }
};

}  // namespace

void RunWindow(const WindowGrid& grid, const Operand& a, const Operand& b,
               const Terms& terms, Start start, const Sums& sums, int items,
               int columns) {
  for (int n = 0; n < columns;) {
    const WindowKind& kind =
        grid.kinds[n + grid.kinds[0].columns <= columns ? 0 : 1];
    const WindowRun window = {kind, b.Skip(n), terms, start};
    const int tiles = items / kind.items;
    const int done = tiles * kind.items;
    if (tiles > 0) window.Run(a, sums.Skip(0, n), tiles);
    if (done < items && tiles > 0 && start == Start::kZero) {
      // Some items once more.
      window.Run(a.Skip(items - kind.items), sums.Skip(items - kind.items, n),
                 1);
    } else if (done < items) {
      window.RunPart(a.Skip(done), sums.Skip(done, n), items - done);
    }
    n += kind.columns;
  }
}

}  // namespace biotrain
