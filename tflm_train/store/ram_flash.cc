// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/store/ram_flash.h"

#include <cstring>

namespace biotrain {

Flash RamFlash::flash() { return {geometry_, this, Read, Erase, Program}; }

bool RamFlash::Read(void* context, uint32_t address, Span<uint8_t> bytes) {
  const RamFlash& self = *static_cast<RamFlash*>(context);
  if (!self.Holds(address, bytes.size())) return false;
  std::memcpy(bytes.data(), self.memory_.data() + address, bytes.size());
  return true;
}

bool RamFlash::Erase(void* context, uint32_t address) {
  const RamFlash& self = *static_cast<RamFlash*>(context);
  const uint32_t bytes = self.geometry_.sector_bytes;
  if (address % bytes != 0 || !self.Holds(address, bytes)) return false;
  std::memset(self.memory_.data() + address, self.geometry_.erased, bytes);
  return true;
}

bool RamFlash::Program(void* context, uint32_t address,
                       Span<const uint8_t> unit) {
  const RamFlash& self = *static_cast<RamFlash*>(context);
  const uint32_t bytes = self.geometry_.program_bytes;
  if (unit.size() != bytes || address % bytes != 0 ||
      !self.Holds(address, bytes)) {
    return false;
  }
  uint8_t* const to = self.memory_.data() + address;
  for (uint32_t i = 0; i < bytes; ++i) {
    if (to[i] != self.geometry_.erased) return false;
  }
  std::memcpy(to, unit.data(), bytes);
  return true;
}

}  // namespace biotrain
