// SPDX-License-Identifier: Apache-2.0
// The one micro-kernel under every convolution and matrix product: a small
// tile of dot products held in registers,
//
//   sums(m, n) += sum over plane, row, step of
//       a(m, plane, row, step) * b(n, plane, row, step)
//
// An operand may be contiguous along its items or along its steps; knowing
// which at compile time turns address arithmetic into immediate offsets.
#ifndef TFLM_TRAIN_KERNELS_TILE_H_
#define TFLM_TRAIN_KERNELS_TILE_H_

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/operand.h"
#include "tflm_train/kernels/repeat.h"

// Whether tiles are held in 32 registers of one float each.
#if defined(__riscv) || defined(__arm__)
#define BIOTRAIN_SCALAR_TILES 1
#else
#define BIOTRAIN_SCALAR_TILES 0
#endif

// Whether windows are, too: Helium has vectors for them.
#if defined(__ARM_FEATURE_MVE)
#define BIOTRAIN_HELIUM 1
#else
#define BIOTRAIN_HELIUM 0
#endif
#if BIOTRAIN_SCALAR_TILES && !BIOTRAIN_HELIUM
#define BIOTRAIN_SCALAR_WINDOWS 1
#else
#define BIOTRAIN_SCALAR_WINDOWS 0
#endif

namespace biotrain {

enum class Along {
  kItems,    // item == 1
  kSteps,    // step == 1
  kBack,     // step == -1: a filter, turned round for its input gradient
  kNothing,  // any pitches
};

// Costs nothing, but loads through the pointer stay below this point. Left
// alone, the scheduler lifts all loads of an unrolled loop to its top, and the
// sums no longer fit in the registers.
[[gnu::always_inline]] inline void Pin(const float*& pointer) {
#if BIOTRAIN_SCALAR_TILES
  asm volatile("" : "+r"(pointer));
#else
  static_cast<void>(pointer);
#endif
}

// The same for stores.
[[gnu::always_inline]] inline void PinOutput(float*& pointer) {
#if BIOTRAIN_SCALAR_TILES
  asm volatile("" : "+r"(pointer));
#else
  static_cast<void>(pointer);
#endif
}

// And for a value, which is computed at this point.
[[gnu::always_inline]] inline void PinValue(float& value) {
#if defined(__riscv)
  asm volatile("" : "+f"(value));
#elif defined(__arm__)
  asm volatile("" : "+t"(value));
#else
  static_cast<void>(value);
#endif
}

// Walks one operand of a tile. Load(item, ahead) reads an item `ahead` steps
// after the last Advance.
template <int kCount, Along kAlong>
class Cursor {
 public:
  [[gnu::always_inline]] Cursor(const float* at, const Operand& operand)
      : step_(operand.step) {
    Repeat<kCount>([&](auto i) BIOTRAIN_INLINE {
      at_[i] = at;
      at += operand.item;
    });
  }
  template <int kItem, int kAhead>
  [[gnu::always_inline]] float Load() const {
    if constexpr (kAlong == Along::kNothing) return *at_[kItem];
    return at_[kItem][kAlong == Along::kBack ? -kAhead : kAhead];
  }
  // An item's load stays below this point.
  template <int kItem>
  [[gnu::always_inline]] void Hold() {
    Pin(at_[kItem]);
  }
  [[gnu::always_inline]] void EndStep() {
    Repeat<kCount>([&](auto i) BIOTRAIN_INLINE {
      if constexpr (kAlong == Along::kNothing) at_[i] += step_;
      Pin(at_[i]);
    });
  }
  template <int kSteps>
  [[gnu::always_inline]] void Advance() {
    if constexpr (kAlong == Along::kNothing) return;
    constexpr int kFloats = kAlong == Along::kBack ? -kSteps : kSteps;
    Repeat<kCount>([&](auto i) BIOTRAIN_INLINE { at_[i] += kFloats; });
  }

 private:
  const float* at_[kCount];
  int step_;
};

template <int kCount>
class Cursor<kCount, Along::kItems> {
 public:
  [[gnu::always_inline]] Cursor(const float* at, const Operand& operand)
      : at_(at), step_(operand.step) {}
  template <int kItem, int kAhead>
  [[gnu::always_inline]] float Load() const {
    return at_[kItem];
  }
  template <int kItem>
  [[gnu::always_inline]] void Hold() {
    Pin(at_);
  }
  [[gnu::always_inline]] void EndStep() {
    at_ += step_;
    Pin(at_);
  }
  template <int kSteps>
  [[gnu::always_inline]] void Advance() {}

 private:
  const float* at_;
  int step_;
};

// One of the pitches of the sums is 1.
template <int kM, int kN>
struct TileRegisters {
  float value[kN][kM];

  [[gnu::always_inline]] TileRegisters() {}
  [[gnu::always_inline]] TileRegisters(Start start, const Sums& sums) {
    if (start == Start::kZero) {
      Clear();
    } else {
      Load(sums);
    }
  }
  [[gnu::always_inline]] void Clear() {
    Repeat<kM * kN>([&](auto i)
                        BIOTRAIN_INLINE { value[i / kM][i % kM] = 0.0f; });
  }
  [[gnu::always_inline]] void Load(const Sums& sums) {
    ForEach(sums, [&](float& sum, auto n, auto m)
                      BIOTRAIN_INLINE { value[n][m] = sum; });
  }
  [[gnu::always_inline]] void Save(const Sums& sums) const {
    ForEach(sums, [&](float& sum, auto n, auto m)
                      BIOTRAIN_INLINE { sum = value[n][m]; });
  }

 private:
  template <typename Visit>
  [[gnu::always_inline]] static void ForEach(const Sums& sums,
                                             const Visit& visit) {
    float* at = sums.at;
    if (kM == 1 || sums.item == 1) {
      Repeat<kN>([&](auto n) BIOTRAIN_INLINE {
        // Or there would be a pointer a column, kept from tile to tile.
        PinOutput(at);
        Repeat<kM>([&](auto m) BIOTRAIN_INLINE { visit(at[m], n, m); });
        at += sums.column;
      });
    } else {
      Repeat<kM>([&](auto m) BIOTRAIN_INLINE {
        PinOutput(at);
        Repeat<kN>([&](auto n) BIOTRAIN_INLINE { visit(at[n], n, m); });
        at += sums.item;
      });
    }
  }
};

// Goes through the lines of a tile's terms, planes before rows.
class LineCount {
 public:
  [[gnu::always_inline]] explicit LineCount(const Terms& terms)
      : rows_(terms.rows), row_(terms.rows), lines_(terms.planes * rows_) {}

  // To the next line; false if there is none.
  [[gnu::always_inline]] bool Advance(const Operand& a, const Operand& b,
                                      const float** a_line,
                                      const float** b_line) {
    if (--lines_ == 0) return false;
    *a_line += a.row;
    *b_line += b.row;
    if (--row_ > 0) return true;
    row_ = rows_;
    *a_line += a.plane - rows_ * a.row;
    *b_line += b.plane - rows_ * b.row;
    return true;
  }

 private:
  int rows_;
  int row_;
  int lines_;
};

// Sums over one line only are told apart: what little they do besides would
// show.
enum class Lines { kOne, kAny };

template <int kM, int kN, Along kA, Along kB, Lines kLines = Lines::kAny>
struct Tile {
  // `tiles` neighbouring tiles of kM items. There is at least one term.
  [[gnu::noinline]] static void Run(const Operand& a, const Operand& b,
                                    const Terms& terms, Start start,
                                    const Sums& sums, int tiles) {
    Sums tile_sums = sums;
    const float* a_tile = a.at;
    do {
      TileRegisters<kM, kN> tile;
      const float* a_line = a_tile;
      const float* b_line = b.at;
      Cursor<kM, kA> a_cursor(a_line, a);
      Cursor<kN, kB> b_cursor(b_line, b);
      int left = terms.steps;
      if (start == Start::kSums) {
        tile.Load(tile_sums);
      } else if constexpr (kProductsFirst) {
        Step<0>(a_cursor, b_cursor,
                [&](auto n, auto m, float x, float y)
                    BIOTRAIN_INLINE { tile.value[n][m] = x * y; });
        --left;
      } else {
        tile.Clear();
      }
      if constexpr (kLines == Lines::kOne) {
        Line(a_cursor, b_cursor, left, tile.value);
      } else {
        LineCount count(terms);
        for (;;) {
          Line(a_cursor, b_cursor, left, tile.value);
          if (!count.Advance(a, b, &a_line, &b_line)) break;
          a_cursor = Cursor<kM, kA>(a_line, a);
          b_cursor = Cursor<kN, kB>(b_line, b);
          left = terms.steps;
        }
      }
      tile.Save(tile_sums);
      a_tile += kM * (kA == Along::kItems && kM > 1 ? 1 : a.item);
      tile_sums.at += kM * tile_sums.item;
    } while (--tiles != 0);
  }

 private:
  // Then a step has few addresses to compute, and a single one costs little
  // more than one of many: the first may be products, so that no sum is
  // cleared.
  static constexpr bool kProductsFirst =
      kA == Along::kItems && kB == Along::kItems;
  // More where lines are long, and pointers many. With six by four sums an
  // unrolled loop moves them from register to register.
  static constexpr int kUnroll = kProductsFirst && kM * kN >= 16 && kN > 2 ? 1
                                 : kProductsFirst                          ? 4
                                 : kM* kN >= 16 && (kA == Along::kSteps ||
                                                    kLines == Lines::kOne)
                                     ? 8
                                     : 4;

  // Calls add(n, m, value of a, value of b).
  template <int kAhead, typename Add>
  [[gnu::always_inline]] static void Step(Cursor<kM, kA>& a, Cursor<kN, kB>& b,
                                          const Add& add) {
    // The fewer values wait in registers while the others pass by.
    if constexpr (kN <= kM) {
      float b_values[kN];
      Repeat<kN>([&](auto n) BIOTRAIN_INLINE {
        b_values[n] = b.template Load<n, kAhead>();
      });
      Repeat<kM>([&](auto m) BIOTRAIN_INLINE {
        if constexpr (m % 2 == 0) a.template Hold<m>();
        const float a_value = a.template Load<m, kAhead>();
        Repeat<kN>([&](auto n)
                       BIOTRAIN_INLINE { add(n, m, a_value, b_values[n]); });
      });
    } else {
      float a_values[kM];
      Repeat<kM>([&](auto m) BIOTRAIN_INLINE {
        a_values[m] = a.template Load<m, kAhead>();
      });
      Repeat<kN>([&](auto n) BIOTRAIN_INLINE {
        if constexpr (n % 2 == 0) b.template Hold<n>();
        const float b_value = b.template Load<n, kAhead>();
        Repeat<kM>([&](auto m)
                       BIOTRAIN_INLINE { add(n, m, a_values[m], b_value); });
      });
    }
    a.EndStep();
    b.EndStep();
  }

  [[gnu::always_inline]] static void Line(Cursor<kM, kA> a, Cursor<kN, kB> b,
                                          int left, float (&sums)[kN][kM]) {
    const auto step = [&](auto ahead) BIOTRAIN_INLINE {
      Step<ahead>(a, b, [&](auto n, auto m, float x, float y) BIOTRAIN_INLINE {
        sums[n][m] = Fma(x, y, sums[n][m]);
      });
    };
    if constexpr (kUnroll > 1) {
      for (; left >= kUnroll; left -= kUnroll) {
        Repeat<kUnroll>(step);
        a.template Advance<kUnroll>();
        b.template Advance<kUnroll>();
      }
    }
    if constexpr (kUnroll > 4) {
      if (left >= 4) {
        Repeat<4>(step);
        a.template Advance<4>();
        b.template Advance<4>();
        left -= 4;
      }
    }
    for (; left > 0; --left) {
      step(Index<0>{});
      a.template Advance<1>();
      b.template Advance<1>();
    }
  }
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_TILE_H_
