// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/ports/storage.h"

#include <fcntl.h>
#include <unistd.h>

namespace biotrain {
namespace port {

intptr_t OpenStorage(const char* path) {
  return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}

bool ReadStorage(intptr_t file, uint32_t offset, void* data, size_t size) {
  const ssize_t count = pread(static_cast<int>(file), data, size, offset);
  return count >= 0 && static_cast<size_t>(count) == size;
}

bool WriteStorage(intptr_t file, uint32_t offset, const void* data,
                  size_t size) {
  const ssize_t count = pwrite(static_cast<int>(file), data, size, offset);
  return count >= 0 && static_cast<size_t>(count) == size;
}

}  // namespace port
}  // namespace biotrain
