// SPDX-License-Identifier: Apache-2.0
// Loops that are always unrolled, in full or in part.
#ifndef TFLM_TRAIN_KERNELS_REPEAT_H_
#define TFLM_TRAIN_KERNELS_REPEAT_H_

#include <utility>

// For lambdas, where [[gnu::always_inline]] would stand for the result.
#define BIOTRAIN_INLINE __attribute__((always_inline))

namespace biotrain {

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

// Four elements a turn: the loops of long lines are mostly their counters.
template <typename Body>
[[gnu::always_inline]] inline void ForEachElement(int n, const Body& body) {
  int i = 0;
  for (; i + 4 <= n; i += 4) {
    Repeat<4>([&](auto ahead) BIOTRAIN_INLINE { body(i + ahead); });
  }
  for (; i < n; ++i) body(i);
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_REPEAT_H_
