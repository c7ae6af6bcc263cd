// SPDX-License-Identifier: Apache-2.0
// What a DMA does, by the processor.
#ifndef TFLM_TRAIN_PORTS_GAP9_COPY_BLOCK_H_
#define TFLM_TRAIN_PORTS_GAP9_COPY_BLOCK_H_

#include <string.h>

#include "tflm_train/ports/gap9/cluster.h"

namespace biotrain {
namespace gap9 {

inline Transfer CopyBlock(const Block& block) {
  for (int32_t row = 0; row < block.rows; ++row) {
    memcpy(block.to + row * block.to_pitch, block.from + row * block.from_pitch,
           static_cast<size_t>(block.row_bytes));
  }
  return {0};
}

inline void CopiedAlready(Transfer) {}

}  // namespace gap9
}  // namespace biotrain

#endif  // TFLM_TRAIN_PORTS_GAP9_COPY_BLOCK_H_
