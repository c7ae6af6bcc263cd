// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/crc32.h"

namespace biotrain {
namespace {

constexpr uint32_t kPolynomial = 0xEDB88320u;

struct CrcTable {
  uint32_t entries[256];
  constexpr CrcTable() : entries() {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t crc = byte;
      for (int bit = 0; bit < 8; ++bit) {
        crc = (crc >> 1) ^ ((crc & 1u) ? kPolynomial : 0u);
      }
      entries[byte] = crc;
    }
  }
};

constexpr CrcTable kCrcTable;

}  // namespace

uint32_t Crc32(uint32_t crc, const void* data, size_t size) {
  const uint8_t* bytes = static_cast<const uint8_t*>(data);
  crc = ~crc;
  for (size_t i = 0; i < size; ++i) {
    crc = (crc >> 8) ^ kCrcTable.entries[(crc ^ bytes[i]) & 255u];
  }
  return ~crc;
}

}  // namespace biotrain
