// SPDX-License-Identifier: Apache-2.0
// What the store needs of a flash: three functions that a port fills in.
//
// On an STM32 these are HAL_FLASHEx_Erase and HAL_FLASH_Program between unlock
// and lock; on Zephyr flash_area_erase, flash_area_write and flash_area_read of
// a partition, with program_bytes = flash_area_align().
#ifndef TFLM_TRAIN_STORE_FLASH_H_
#define TFLM_TRAIN_STORE_FLASH_H_

#include <cstddef>
#include <cstdint>

#include "tflm_train/micro/span.h"

namespace biotrain {

struct FlashGeometry {
  uint32_t sector_bytes = 0;   // what one erase clears
  uint32_t sectors = 0;        // an even number; half of them are a slot
  uint32_t program_bytes = 0;  // what is programmed at once: a power of two
  uint8_t erased = 0xff;       // a byte that was erased
};

// Addresses count from the first sector that is the store's. Each function
// returns false if it has failed.
struct Flash {
  FlashGeometry geometry;
  void* context = nullptr;
  // Any address and length. False, too, where an error correcting flash cannot
  // tell what was written; a port must catch the fault some cores raise then.
  bool (*read)(void* context, uint32_t address, Span<uint8_t> bytes) = nullptr;
  // The sector that begins at `address`.
  bool (*erase)(void* context, uint32_t address) = nullptr;
  // One unit of program_bytes, each once after an erase.
  bool (*program)(void* context, uint32_t address,
                  Span<const uint8_t> unit) = nullptr;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_STORE_FLASH_H_
