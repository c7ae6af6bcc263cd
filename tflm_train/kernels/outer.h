// SPDX-License-Identifier: Apache-2.0
// The micro-kernel of short sums over many columns: the values of a stay in
// registers while the columns pass by.
//
//   sums(m, n) = sum over step < kSteps of a(m, step) * b(n, step)
#ifndef TFLM_TRAIN_KERNELS_OUTER_H_
#define TFLM_TRAIN_KERNELS_OUTER_H_

#include "tflm_train/kernels/tile.h"

namespace biotrain {

// Either the items or the columns of the sums are neighbours; in the first case
// so are the items of a.
template <int kM, int kSteps, Along kSums>
struct Outer {
  // `tiles` neighbouring tiles of kM items.
  [[gnu::noinline]] static void Run(const Operand& a, const Operand& b,
                                    const Sums& sums, int columns, int tiles) {
    constexpr bool kByItems = kSums == Along::kItems;
    const int a_item = kByItems ? 1 : a.item;
    const float* from = a.at;
    float* to = sums.at;
    do {
      float a_values[kM][kSteps];
      Repeat<kSteps>([&](auto k) BIOTRAIN_INLINE {
        const float* step = from + k * a.step;
        Repeat<kM>([&](auto m)
                       BIOTRAIN_INLINE { a_values[m][k] = step[m * a_item]; });
      });
      Pass(a_values, b, sums, to, columns);
      from += kM * a_item;
      to += kM * (kByItems ? 1 : sums.item);
    } while (--tiles > 0);
  }

 private:
  [[gnu::always_inline]] static void Pass(const float (&a_values)[kM][kSteps],
                                          const Operand& b, const Sums& sums,
                                          float* column, int columns) {
    const float* steps[kSteps];
    Repeat<kSteps>([&](auto k)
                       BIOTRAIN_INLINE { steps[k] = b.at + k * b.step; });
    do {
      float b_values[kSteps];
      Repeat<kSteps>([&](auto k) BIOTRAIN_INLINE {
        b_values[k] = *steps[k];
        steps[k] += b.item;
      });
      float* at = column;
      Repeat<kM>([&](auto m) BIOTRAIN_INLINE {
        float sum = a_values[m][0] * b_values[0];
        Repeat<kSteps - 1>([&](auto k) BIOTRAIN_INLINE {
          sum = Fma(a_values[m][k + 1], b_values[k + 1], sum);
        });
        // With the pins, or the sums of all items would need registers at once.
        if constexpr (kSums == Along::kItems) {
          column[m] = sum;
          if constexpr (m % 2 == 1) PinOutput(column);
        } else {
          *at = sum;
          at += sums.item;
          if constexpr (m % 2 == 1) PinOutput(at);
        }
      });
      column += kSums == Along::kItems ? sums.column : 1;
    } while (--columns != 0);
  }
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_OUTER_H_
