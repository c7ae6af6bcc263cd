// SPDX-License-Identifier: Apache-2.0
// One row times a matrix, where sums or terms are few: the dense layer of a
// classifier and one sample. There are too few multiply-adds for a grid of
// tiles; terms are added in the same order.
#ifndef TFLM_TRAIN_KERNELS_ROW_H_
#define TFLM_TRAIN_KERNELS_ROW_H_

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/repeat.h"
#include "tflm_train/kernels/tile.h"

namespace biotrain {

// Many terms, few sums, as forward:
//
//   y[n] = sum over k < terms of x[k] * w[n * terms + k]
template <int kSums>
struct RowOfDots {
  [[gnu::noinline]] static void Run(const float* x,  // [terms]
                                    const float* w,  // [kSums,terms]
                                    int terms,
                                    float* y) {  // [kSums]
    constexpr int kUnroll = kSums <= 2 ? 32 : 16;
    const float* lines[kSums];
    float sums[kSums];
    Repeat<kSums>([&](auto n) BIOTRAIN_INLINE {
      lines[n] = w + n * terms;
      sums[n] = 0.0f;
    });
    const auto term = [&](auto k) BIOTRAIN_INLINE {
      const float value = x[k];
      Repeat<kSums>([&](auto n) BIOTRAIN_INLINE {
        sums[n] = Fma(value, lines[n][k], sums[n]);
      });
      Pin(x);
    };
    const auto advance = [&](int count) BIOTRAIN_INLINE {
      Repeat<kSums>([&](auto n) BIOTRAIN_INLINE { lines[n] += count; });
      x += count;
    };
    for (; terms >= kUnroll; terms -= kUnroll) {
      Repeat<kUnroll>(term);
      advance(kUnroll);
    }
    for (; terms > 0; --terms) {
      term(Index<0>{});
      advance(1);
    }
    Repeat<kSums>([&](auto n) BIOTRAIN_INLINE { y[n] = sums[n]; });
  }
};

// Few terms, many sums, as in the input gradient of a classifier:
//
//   y[n] = sum over k < kTerms of x[k] * w[k * columns + n]
template <int kTerms>
struct RowOfSums {
  [[gnu::noinline]] static void Run(const float* x,  // [kTerms]
                                    const float* w,  // [kTerms,columns]
                                    int columns,
                                    float* y) {  // [columns]
    constexpr int kUnroll = 8;
    float terms[kTerms];
    const float* lines[kTerms];
    Repeat<kTerms>([&](auto k) BIOTRAIN_INLINE {
      terms[k] = x[k];
      lines[k] = w + k * columns;
    });
    const auto column = [&](auto n) BIOTRAIN_INLINE {
      float sum = terms[0] * lines[0][n];
      Repeat<kTerms - 1>([&](auto k) BIOTRAIN_INLINE {
        sum = Fma(terms[k + 1], lines[k + 1][n], sum);
      });
      y[n] = sum;
    };
    const auto advance = [&](int count) BIOTRAIN_INLINE {
      Repeat<kTerms>([&](auto k) BIOTRAIN_INLINE { lines[k] += count; });
      y += count;
    };
    int left = columns;
    for (; left >= kUnroll; left -= kUnroll) {
      Repeat<kUnroll>(column);
      advance(kUnroll);
    }
    for (; left > 0; --left) {
      column(Index<0>{});
      advance(1);
    }
  }
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_ROW_H_
