// SPDX-License-Identifier: Apache-2.0
#ifndef TFLM_TRAIN_KERNELS_LANES_H_
#define TFLM_TRAIN_KERNELS_LANES_H_

namespace biotrain {

// Calls block.Run<lanes>(first) on the neighbouring channels of [begin, end),
// by fours while they last: a chain of dependent additions is slow, four side
// by side are not, and what the lanes share is loaded once.
template <typename Block>
inline void ForEachLaneBlock(int begin, int end, const Block& block) {
  int first = begin;
  for (; first + 4 <= end; first += 4) block.template Run<4>(first);
  for (; first < end; ++first) block.template Run<1>(first);
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_LANES_H_
