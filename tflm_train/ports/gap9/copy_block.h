// SPDX-License-Identifier: Apache-2.0
// What machines that only stand in for a cluster share: L1 is an array, and the
// processor does what a DMA does.
#ifndef TFLM_TRAIN_PORTS_GAP9_COPY_BLOCK_H_
#define TFLM_TRAIN_PORTS_GAP9_COPY_BLOCK_H_

#include <string.h>

#include "tflm_train/ports/gap9/cluster.h"

namespace biotrain {
namespace gap9 {

alignas(16) inline uint8_t array_as_l1[kL1Bytes];

inline Transfer CopyBlock(const Block& block) {
  for (int32_t row = 0; row < block.rows; ++row) {
    memcpy(block.to + row * block.to_pitch, block.from + row * block.from_pitch,
           static_cast<size_t>(block.row_bytes));
  }
  return {0};
}

inline void CopiedAlready(Transfer) {}

constexpr Cluster CopyingCluster(decltype(Cluster::fork) fork,
                                 decltype(Cluster::start) start = CopyBlock) {
  return {kCores, array_as_l1, kL1Bytes, fork, start, CopiedAlready};
}

}  // namespace gap9
}  // namespace biotrain

#endif  // TFLM_TRAIN_PORTS_GAP9_COPY_BLOCK_H_
