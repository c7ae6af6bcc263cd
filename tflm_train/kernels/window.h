// SPDX-License-Identifier: Apache-2.0
// The micro-kernel of long filters: the items of a are neighbours and a step
// moves them on by one, so that a window slides along a line.
//
//   sums(m, n) += sum over plane, row, step of
//       a[m + step, plane, row] * b(n, plane, row, step)
//
// Every value of a is loaded once and used for kM items: a step brings one new
// value, which takes the register of the oldest. Unrolled kPeriod times, the
// registers' roles come round again. With kPeriod == kM - 1 the new value
// waits until the oldest was used.
#ifndef TFLM_TRAIN_KERNELS_WINDOW_H_
#define TFLM_TRAIN_KERNELS_WINDOW_H_

#include "tflm_train/kernels/tile.h"
#include "tflm_train/kernels/vector_line.h"

namespace biotrain {

template <int kM, int kN, int kPeriod, Along kB, Lines kLines>
struct Window {
  static_assert(kPeriod >= kM - 1 || !BIOTRAIN_SCALAR_WINDOWS);

  // `tiles` neighbouring tiles of kM items. terms.steps is a multiple of
  // kPeriod and not zero; sums.item is 1.
  [[gnu::noinline]] static void Run(const Operand& a, const Operand& b,
                                    const Terms& terms, Start start,
                                    const Sums& sums, int tiles) {
    Sums tile_sums = {sums.at, 1, sums.column};
    const float* a_tile = a.at;
    do {
      WindowRegisters<kM, kN> tile(start, tile_sums);
      const float* a_line = a_tile;
      const float* b_line = b.at;
      LineCount count(terms);
      do {
        Line(a_line, b_line, b, terms.steps, tile);
        if constexpr (kLines == Lines::kOne) break;
      } while (count.Advance(a, b, &a_line, &b_line));
      tile.Save(tile_sums);
      a_tile += kM;
      tile_sums.at += kM;
    } while (--tiles > 0);
  }

  // One tile, over a line whose parts lie apart.
  [[gnu::noinline]] static void RunParts(const LinePart* part, int parts,
                                         Start start, const Sums& sums) {
    WindowRegisters<kM, kN> tile(start, sums);
    do {
      Line(part->a, part->b, {nullptr, part->column, 1, 0, 0}, part->steps,
           tile);
      ++part;
    } while (--parts > 0);
    tile.Save(sums);
  }

 private:
  [[gnu::always_inline]] static void Line(const float* x, const float* b_row,
                                          const Operand& b, int steps,
                                          WindowRegisters<kM, kN>& tile) {
    Cursor<kN, kB> b_cursor(b_row, b);
#if BIOTRAIN_SCALAR_WINDOWS
    float window[kPeriod];
    Repeat<kM - 1>([&](auto m) BIOTRAIN_INLINE { window[m] = x[m]; });
    x += kM - 1;
    const auto step = [&](auto u) BIOTRAIN_INLINE {
      constexpr int kOldest = u % kPeriod;
      constexpr int kNewest = (u + kM - 1) % kPeriod;
      const auto add = [&](auto n, auto m, float b_value) BIOTRAIN_INLINE {
        float& sum = tile.value[n][m];
        sum = Fma(window[(u + m) % kPeriod], b_value, sum);
      };
      static_assert(kOldest != kNewest || kN == 1);
      if constexpr (kOldest != kNewest) window[kNewest] = x[u];
      Repeat<kN>([&](auto n) BIOTRAIN_INLINE {
        const float b_value = b_cursor.template Load<n, u>();
        add(n, Index<0>{}, b_value);
        if constexpr (kOldest == kNewest) window[kNewest] = x[u];
        Repeat<kM - 1>(
            [&](auto m) BIOTRAIN_INLINE { add(n, Index<m + 1>{}, b_value); });
      });
      Pin(x);
      b_cursor.EndStep();
    };
    do {
      Repeat<kPeriod>(step);
      x += kPeriod;
      b_cursor.template Advance<kPeriod>();
    } while ((steps -= kPeriod) != 0);
#else
    AddVectorLine(x, b_cursor, steps, tile);
#endif
  }
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_WINDOW_H_
