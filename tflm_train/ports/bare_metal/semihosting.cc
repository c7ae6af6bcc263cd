// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/ports/bare_metal/semihosting.h"

#include <string.h>

volatile uint32_t biotrain_semihosting_probe = 0;

namespace biotrain {
namespace semihosting {
namespace {

enum Operation : intptr_t {
  kOpen = 0x01,
  kWrite = 0x05,
  kRead = 0x06,
  kSeek = 0x0a,
  kGetCommandLine = 0x15,
  kExitExtended = 0x20,
};
constexpr intptr_t kModeReadBinary = 1;
constexpr intptr_t kModeUpdateBinary = 3;
constexpr intptr_t kModeWriteBinary = 5;
constexpr intptr_t kModeCreateBinary = 7;
constexpr intptr_t kApplicationExit = 0x20026;

intptr_t Open(const char* path, intptr_t mode) {
  intptr_t block[3] = {reinterpret_cast<intptr_t>(path), mode,
                       static_cast<intptr_t>(strlen(path))};
  return biotrain_semihosting_call(kOpen, block);
}

// Reads and writes answer with the number of bytes *not* moved.
size_t Transfer(intptr_t operation, intptr_t file, const void* data,
                size_t size) {
  intptr_t block[3] = {file, reinterpret_cast<intptr_t>(data),
                       static_cast<intptr_t>(size)};
  const intptr_t left = biotrain_semihosting_call(operation, block);
  return left < 0 ? 0 : size - static_cast<size_t>(left);
}

}  // namespace

bool CommandLine(char* line, size_t size) {
  memset(line, 0, size);
  intptr_t block[2] = {reinterpret_cast<intptr_t>(line),
                       static_cast<intptr_t>(size - 1)};
  biotrain_semihosting_probe = 1;
  const intptr_t result = biotrain_semihosting_call(kGetCommandLine, block);
  biotrain_semihosting_probe = 0;
  // Some emulators swallow the breakpoint and answer nothing: an empty line.
  return result == 0 && line[0] != '\0';
}

intptr_t OpenToRead(const char* path) { return Open(path, kModeReadBinary); }

intptr_t OpenToWrite(const char* path) { return Open(path, kModeWriteBinary); }

intptr_t OpenToUpdate(const char* path) {
  const intptr_t file = Open(path, kModeUpdateBinary);
  return file >= 0 ? file : Open(path, kModeCreateBinary);
}

bool Seek(intptr_t file, uint32_t offset) {
  intptr_t block[2] = {file, static_cast<intptr_t>(offset)};
  return biotrain_semihosting_call(kSeek, block) == 0;
}

size_t Read(intptr_t file, void* data, size_t size) {
  return Transfer(kRead, file, data, size);
}

size_t Write(intptr_t file, const void* data, size_t size) {
  return Transfer(kWrite, file, data, size);
}

void Exit(int code) {
  intptr_t block[2] = {kApplicationExit, code};
  biotrain_semihosting_call(kExitExtended, block);
}

}  // namespace semihosting
}  // namespace biotrain
