// SPDX-License-Identifier: Apache-2.0
// A flash in a file that outlives the program: on the host, and wherever a
// debugger or an emulator serves files through semihosting.
#ifndef TFLM_TRAIN_STORE_FILE_FLASH_H_
#define TFLM_TRAIN_STORE_FILE_FLASH_H_

#include "tflm_train/micro/status.h"
#include "tflm_train/store/flash.h"

namespace biotrain {

class FileFlash {
 public:
  static constexpr uint32_t kMaxProgramBytes = 256;

  // A file that is too short is made anew, erased.
  static Status Open(const char* path, const FlashGeometry& geometry,
                     FileFlash* file);

  // Points to this object.
  Flash flash();

 private:
  bool Holds(uint32_t address, size_t bytes) const;
  bool Fill(uint32_t address, uint32_t bytes) const;
  static bool Read(void* context, uint32_t address, Span<uint8_t> bytes);
  static bool Erase(void* context, uint32_t address);
  static bool Program(void* context, uint32_t address,
                      Span<const uint8_t> unit);

  intptr_t file_ = -1;
  FlashGeometry geometry_;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_STORE_FILE_FLASH_H_
