// SPDX-License-Identifier: Apache-2.0
// The one micro-kernel under every convolution and matrix product: a small
// tile of dot products held in registers,
//
//   sums[m][n] += sum over row, step of
//       a.data[a.start + m * a.item + row * a.row + step * a.step] *
//       b.data[b.start + n * b.item + row * b.row + step * b.step]
//
// An operand may be contiguous along its items or along its steps; knowing
// which at compile time turns address arithmetic into immediate offsets. Every
// sum runs over rows, then steps, in this order, whatever the tile's size.
#ifndef TFLM_TRAIN_KERNELS_TILE_H_
#define TFLM_TRAIN_KERNELS_TILE_H_

#include <utility>

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/operand.h"

namespace biotrain {

enum class Contiguous {
  kItems,   // item == 1
  kSteps,   // step == 1
  kWindow,  // item == step: a window slides along one line, as in a FIR filter
  kNothing,
  // As kNothing, for depthwise sums: every column, or every two, read the next
  // channel of the item, as they are neighbours in memory.
  kLaneOfOne,
  kLaneOfTwo,
};

// What a tile of a single item can be told of its operand.
constexpr Contiguous OfOneItem(Contiguous along) {
  const bool lanes =
      along == Contiguous::kLaneOfOne || along == Contiguous::kLaneOfTwo;
  return lanes ? along : Contiguous::kItems;
}

template <int kValue>
using Index = std::integral_constant<int, kValue>;

template <typename Body, int... kIndices>
[[gnu::always_inline]] inline void RepeatOver(
    const Body& body, std::integer_sequence<int, kIndices...>) {
  (body(Index<kIndices>{}), ...);
}

// body(0) ... body(kCount - 1), unrolled, so that arrays indexed by the
// argument live in registers.
template <int kCount, typename Body>
[[gnu::always_inline]] inline void Repeat(const Body& body) {
  RepeatOver(body, std::make_integer_sequence<int, kCount>{});
}

// Costs nothing, but loads through the pointer stay below this point. Left
// alone, the scheduler lifts all loads of an unrolled loop to its top, and the
// sums no longer fit in the registers.
[[gnu::always_inline]] inline void Pin(const float*& pointer) {
#if defined(__arm__) || defined(__riscv)
  asm volatile("" : "+r"(pointer));
#else
  static_cast<void>(pointer);
#endif
}

// Walks one operand of a tile. Load(item, ahead) reads an item `ahead` steps
// after the last Advance.
template <int kCount, Contiguous kAlong>
class Cursor;

template <int kCount>
class Cursor<kCount, Contiguous::kItems> {
 public:
  [[gnu::always_inline]] Cursor(const Operand& operand, int row, int first)
      : at_(operand.At(row, first)), step_(operand.step) {}
  template <int kItem, int kAhead>
  [[gnu::always_inline]] float Load() const {
    return at_[kItem];
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

template <int kCount>
class Cursor<kCount, Contiguous::kSteps> {
 public:
  [[gnu::always_inline]] Cursor(const Operand& operand, int row, int first) {
    const float* item = operand.At(row, first);
    Repeat<kCount>([&](auto i) __attribute__((always_inline)) {
      at_[i] = item;
      item += operand.item;
    });
  }
  template <int kItem, int kAhead>
  [[gnu::always_inline]] float Load() const {
    return at_[kItem][kAhead];
  }
  [[gnu::always_inline]] void EndStep() {
    Repeat<kCount>([&](auto i) __attribute__((always_inline)) { Pin(at_[i]); });
  }
  template <int kSteps>
  [[gnu::always_inline]] void Advance() {
    Repeat<kCount>([&](auto i)
                       __attribute__((always_inline)) { at_[i] += kSteps; });
  }

 private:
  const float* at_[kCount];
};

template <int kM, int kN>
struct TileRegisters {
  float value[kM][kN];

  [[gnu::always_inline]] TileRegisters(Start start, const float* sums,
                                       int stride) {
    if (start == Start::kZero) {
      Repeat<kM * kN>([&](auto i) __attribute__((always_inline)) {
        value[i / kN][i % kN] = 0.0f;
      });
    } else {
      Repeat<kM>([&](auto m) __attribute__((always_inline)) {
        Repeat<kN>([&](auto n) __attribute__((always_inline)) {
          value[m][n] = sums[n];
        });
        sums += stride;
      });
    }
  }
  [[gnu::always_inline]] void Save(float* sums, int stride) const {
    Repeat<kM>([&](auto m) __attribute__((always_inline)) {
      Repeat<kN>([&](auto n)
                     __attribute__((always_inline)) { sums[n] = value[m][n]; });
      sums += stride;
    });
  }
};

template <int kM, int kN, Contiguous kA, Contiguous kB>
struct Tile {
  // sums: [kM,kN] in rows of `stride` floats. There is at least one step.
  [[gnu::noinline]] static void Accumulate(const Operand& a, const Operand& b,
                                           const Terms& terms, Start start,
                                           float* sums, int stride) {
    constexpr int kUnroll = 4;
    TileRegisters<kM, kN> tile(start, sums, stride);
    for (int row = terms.rows.begin; row < terms.rows.end; ++row) {
      Cursor<kM, kA> a_cursor(a, row, terms.steps.begin);
      Cursor<kN, kB> b_cursor(b, row, terms.steps.begin);
      const auto step = [&](auto ahead) __attribute__((always_inline)) {
        float a_values[kM];
        Repeat<kM>([&](auto m) __attribute__((always_inline)) {
          a_values[m] = a_cursor.template Load<m, ahead>();
        });
        Repeat<kN>([&](auto n) __attribute__((always_inline)) {
          const float b_value = b_cursor.template Load<n, ahead>();
          Repeat<kM>([&](auto m) __attribute__((always_inline)) {
            tile.value[m][n] = Fma(a_values[m], b_value, tile.value[m][n]);
          });
        });
        a_cursor.EndStep();
        b_cursor.EndStep();
      };
      int left = terms.steps.size();
      for (; left >= kUnroll; left -= kUnroll) {
        Repeat<kUnroll>(step);
        a_cursor.template Advance<kUnroll>();
        b_cursor.template Advance<kUnroll>();
      }
      for (; left > 0; --left) {
        step(Index<0>{});
        a_cursor.template Advance<1>();
        b_cursor.template Advance<1>();
      }
    }
    tile.Save(sums, stride);
  }
};

// Every value of a is loaded once and used for kM items: a step brings one new
// value, which takes the register of the oldest. Unrolled kM times, the
// registers' roles come round again.
template <int kM, int kN, Contiguous kB>
struct Tile<kM, kN, Contiguous::kWindow, kB> {
  [[gnu::noinline]] static void Accumulate(const Operand& a, const Operand& b,
                                           const Terms& terms, Start start,
                                           float* sums, int stride) {
    TileRegisters<kM, kN> tile(start, sums, stride);
    const int pitch = a.step;
    for (int row = terms.rows.begin; row < terms.rows.end; ++row) {
      const float* newest = a.At(row, terms.steps.begin);
      Cursor<kN, kB> b_cursor(b, row, terms.steps.begin);
      float window[kM];
      Repeat<kM - 1>([&](auto m) __attribute__((always_inline)) {
        window[m] = *newest;
        newest += pitch;
      });
      const auto step = [&](auto ahead) __attribute__((always_inline)) {
        window[(ahead + kM - 1) % kM] = *newest;
        newest += pitch;
        Pin(newest);
        Repeat<kN>([&](auto n) __attribute__((always_inline)) {
          const float b_value = b_cursor.template Load<n, ahead>();
          Repeat<kM>([&](auto m) __attribute__((always_inline)) {
            tile.value[m][n] =
                Fma(window[(ahead + m) % kM], b_value, tile.value[m][n]);
          });
        });
        b_cursor.EndStep();
      };
      int left = terms.steps.size();
      for (; left >= kM; left -= kM) {
        Repeat<kM>(step);
        b_cursor.template Advance<kM>();
      }
      // A tail shorter than the window reads all of it anew.
      const float* oldest = newest - (kM - 1) * pitch;
      for (; left > 0; --left) {
        const float* at = oldest;
        float a_values[kM];
        Repeat<kM>([&](auto m) __attribute__((always_inline)) {
          a_values[m] = *at;
          at += pitch;
        });
        oldest += pitch;
        Repeat<kN>([&](auto n) __attribute__((always_inline)) {
          const float b_value = b_cursor.template Load<n, 0>();
          Repeat<kM>([&](auto m) __attribute__((always_inline)) {
            tile.value[m][n] = Fma(a_values[m], b_value, tile.value[m][n]);
          });
        });
        b_cursor.EndStep();
        b_cursor.template Advance<1>();
      }
    }
    tile.Save(sums, stride);
  }
};

// Nothing is known of the strides of a: every item has its own pointer. Each
// kShare columns read the same channel of an item.
template <int kM, int kN, int kShare, Contiguous kB>
struct LaneTile {
  [[gnu::noinline]] static void Accumulate(const Operand& a, const Operand& b,
                                           const Terms& terms, Start start,
                                           float* sums, int stride) {
    TileRegisters<kM, kN> tile(start, sums, stride);
    const int a_step = a.step;
    for (int row = terms.rows.begin; row < terms.rows.end; ++row) {
      Cursor<kN, kB> b_cursor(b, row, terms.steps.begin);
      const float* items[kM];
      Repeat<kM>([&](auto m) __attribute__((always_inline)) {
        items[m] = a.At(row, terms.steps.begin) + m * a.item;
      });
      const auto step = [&](auto ahead) __attribute__((always_inline)) {
        Repeat<kN / kShare>([&](auto lane) __attribute__((always_inline)) {
          float b_values[kShare];
          Repeat<kShare>([&](auto i) __attribute__((always_inline)) {
            b_values[i] = b_cursor.template Load<lane * kShare + i, ahead>();
          });
          Repeat<kM>([&](auto m) __attribute__((always_inline)) {
            const float a_value = items[m][lane];
            Repeat<kShare>([&](auto i) __attribute__((always_inline)) {
              float& sum = tile.value[m][lane * kShare + i];
              sum = Fma(a_value, b_values[i], sum);
            });
          });
        });
        Repeat<kM>([&](auto m) __attribute__((always_inline)) {
          items[m] += a_step;
          Pin(items[m]);
        });
        b_cursor.EndStep();
        b_cursor.template Advance<1>();
      };
      for (int left = terms.steps.size(); left > 0; --left) step(Index<0>{});
    }
    tile.Save(sums, stride);
  }
};

template <int kM, int kN, Contiguous kB>
struct Tile<kM, kN, Contiguous::kNothing, kB> : LaneTile<kM, kN, kN, kB> {};

template <int kM, int kN, Contiguous kB>
struct Tile<kM, kN, Contiguous::kLaneOfOne, kB> : LaneTile<kM, kN, 1, kB> {};

template <int kM, int kN, Contiguous kB>
struct Tile<kM, kN, Contiguous::kLaneOfTwo, kB>
    : LaneTile<kM, kN, kN == 1 ? 1 : 2, kB> {};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_TILE_H_
