// SPDX-License-Identifier: Apache-2.0
// CRC-32 as zlib computes it.
#ifndef TFLM_TRAIN_MICRO_CRC32_H_
#define TFLM_TRAIN_MICRO_CRC32_H_

#include <cstddef>
#include <cstdint>

namespace biotrain {

// Continues a CRC-32; begin with 0.
uint32_t Crc32(uint32_t crc, const void* data, size_t size);

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_CRC32_H_
