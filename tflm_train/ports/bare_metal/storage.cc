// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/ports/storage.h"

#include "tflm_train/ports/bare_metal/link.h"
#include "tflm_train/ports/bare_metal/semihosting.h"

namespace biotrain {
namespace port {

intptr_t OpenStorage(const char* path) {
  return HasSemihosting() ? semihosting::OpenToUpdate(path) : -1;
}

bool ReadStorage(intptr_t file, uint32_t offset, void* data, size_t size) {
  return semihosting::Seek(file, offset) &&
         semihosting::Read(file, data, size) == size;
}

bool WriteStorage(intptr_t file, uint32_t offset, const void* data,
                  size_t size) {
  return semihosting::Seek(file, offset) &&
         semihosting::Write(file, data, size) == size;
}

}  // namespace port
}  // namespace biotrain
