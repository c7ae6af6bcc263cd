// SPDX-License-Identifier: Apache-2.0
// A flash in RAM, for tests and for boards whose flash driver is still to come.
// It is as strict as an error correcting flash: a unit is programmed once.
#ifndef TFLM_TRAIN_STORE_RAM_FLASH_H_
#define TFLM_TRAIN_STORE_RAM_FLASH_H_

#include "tflm_train/store/flash.h"

namespace biotrain {

class RamFlash {
 public:
  // `memory` holds sectors * sector_bytes and keeps its contents: in a section
  // that start-up does not clear it survives a reset, as a flash would.
  RamFlash(Span<uint8_t> memory, const FlashGeometry& geometry)
      : memory_(memory), geometry_(geometry) {}

  // Points to this object.
  Flash flash();

 private:
  bool Holds(uint32_t address, size_t bytes) const {
    return address <= memory_.size() && bytes <= memory_.size() - address;
  }
  static bool Read(void* context, uint32_t address, Span<uint8_t> bytes);
  static bool Erase(void* context, uint32_t address);
  static bool Program(void* context, uint32_t address,
                      Span<const uint8_t> unit);

  Span<uint8_t> memory_;
  FlashGeometry geometry_;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_STORE_RAM_FLASH_H_
