// SPDX-License-Identifier: Apache-2.0
// A window's sums, and a line of them on processors whose registers hold
// several items: vectors run across the items, never along a sum. Loading items
// anew for every step costs less than moving them from lane to lane.
#ifndef TFLM_TRAIN_KERNELS_VECTOR_LINE_H_
#define TFLM_TRAIN_KERNELS_VECTOR_LINE_H_

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/tile.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)
#include <arm_mve.h>
#endif

namespace biotrain {

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)

// Helium flushes denormals to zero, so that these sums may differ from those
// of other processors in the last bits. kM is a multiple of four.
template <int kM, int kN>
struct WindowRegisters {
  static constexpr int kVectors = kM / 4;
  static_assert(kM % 4 == 0 && kVectors * kN <= 6);
  float32x4_t value[kN][kVectors];

  [[gnu::always_inline]] WindowRegisters(Start start, const Sums& sums) {
    Repeat<kN * kVectors>([&](auto i) BIOTRAIN_INLINE {
      const float* column = sums.at + i / kVectors * sums.column;
      value[i / kVectors][i % kVectors] =
          start == Start::kZero ? vdupq_n_f32(0.0f)
                                : vld1q_f32(column + i % kVectors * 4);
    });
  }
  [[gnu::always_inline]] void Save(const Sums& sums) const {
    Repeat<kN * kVectors>([&](auto i) BIOTRAIN_INLINE {
      float* column = sums.at + i / kVectors * sums.column;
      vst1q_f32(column + i % kVectors * 4, value[i / kVectors][i % kVectors]);
    });
  }
};

template <int kM, int kN, typename Taps>
[[gnu::always_inline]] inline void AddVectorLine(
    const float* x, Taps taps, int steps, WindowRegisters<kM, kN>& tile) {
  const auto step = [&](auto ahead) BIOTRAIN_INLINE {
    // GCC would keep the addresses of a whole turn in registers.
    asm volatile("" : "+r"(x));
    float tap[kN];
    Repeat<kN>([&](auto n) BIOTRAIN_INLINE {
      tap[n] = taps.template Load<n, ahead>();
    });
    Repeat<kM / 4>([&](auto v) BIOTRAIN_INLINE {
      const float32x4_t items = vld1q_f32(x + ahead + v * 4);
      Repeat<kN>([&](auto n) BIOTRAIN_INLINE {
        tile.value[n][v] = vfmaq_n_f32(tile.value[n][v], items, tap[n]);
      });
    });
  };
  for (; steps >= 8; steps -= 8) {
    Repeat<8>(step);
    x += 8;
    taps.template Advance<8>();
  }
  for (; steps > 0; --steps) {
    step(Index<0>{});
    ++x;
    taps.template Advance<1>();
  }
}

#else

template <int kM, int kN>
using WindowRegisters = TileRegisters<kM, kN>;

template <int kM, int kN, typename Taps>
[[gnu::always_inline]] inline void AddVectorLine(
    const float* x, Taps taps, int steps, WindowRegisters<kM, kN>& tile) {
  for (; steps > 0; --steps, ++x) {
    Repeat<kN>([&](auto n) BIOTRAIN_INLINE {
      const float tap = taps.template Load<n, 0>();
      for (int m = 0; m < kM; ++m) {
        tile.value[n][m] = Fma(x[m], tap, tile.value[n][m]);
      }
    });
    taps.template Advance<1>();
  }
}

#endif

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_VECTOR_LINE_H_
