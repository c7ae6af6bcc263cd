// SPDX-License-Identifier: Apache-2.0
// A whole file, for the programs that run on the host.
#ifndef TFLM_TRAIN_PORTS_HOST_READ_FILE_H_
#define TFLM_TRAIN_PORTS_HOST_READ_FILE_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

namespace biotrain {

// Appends to `bytes`. False: the file cannot be opened or read.
inline bool ReadFile(const char* path, std::vector<uint8_t>* bytes) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path, "rb"),
                                             std::fclose);
  if (file == nullptr) return false;
  uint8_t block[4096];
  size_t size;
  while ((size = std::fread(block, 1, sizeof(block), file.get())) > 0) {
    bytes->insert(bytes->end(), block, block + size);
  }
  return std::ferror(file.get()) == 0;
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_PORTS_HOST_READ_FILE_H_
