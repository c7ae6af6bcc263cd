// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/store/file_flash.h"

#include <algorithm>
#include <cstring>

#include "tflm_train/ports/storage.h"

namespace biotrain {

Status FileFlash::Open(const char* path, const FlashGeometry& geometry,
                       FileFlash* file) {
  if (geometry.program_bytes > kMaxProgramBytes) {
    return Error(StatusCode::kBadArgument, "program_bytes", kMaxProgramBytes,
                 geometry.program_bytes);
  }
  file->geometry_ = geometry;
  file->file_ = port::OpenStorage(path);
  if (file->file_ < 0) return Error(StatusCode::kFlashFailed, "open", 0, -1);
  const uint32_t bytes = geometry.sectors * geometry.sector_bytes;
  uint8_t last;
  if (bytes > 0 && !port::ReadStorage(file->file_, bytes - 1, &last, 1) &&
      !file->Fill(0, bytes)) {
    return Error(StatusCode::kFlashFailed, "create", bytes);
  }
  return {};
}

Flash FileFlash::flash() { return {geometry_, this, Read, Erase, Program}; }

bool FileFlash::Holds(uint32_t address, size_t bytes) const {
  const size_t size = size_t{geometry_.sectors} * geometry_.sector_bytes;
  return address <= size && bytes <= size - address;
}

bool FileFlash::Fill(uint32_t address, uint32_t bytes) const {
  uint8_t erased[kMaxProgramBytes];
  std::memset(erased, geometry_.erased, sizeof erased);
  for (uint32_t done = 0; done < bytes; done += sizeof erased) {
    const size_t part = std::min<size_t>(sizeof erased, bytes - done);
    if (!port::WriteStorage(file_, address + done, erased, part)) return false;
  }
  return true;
}

bool FileFlash::Read(void* context, uint32_t address, Span<uint8_t> bytes) {
  const FileFlash& self = *static_cast<FileFlash*>(context);
  return self.Holds(address, bytes.size()) &&
         port::ReadStorage(self.file_, address, bytes.data(), bytes.size());
}

bool FileFlash::Erase(void* context, uint32_t address) {
  const FileFlash& self = *static_cast<FileFlash*>(context);
  const uint32_t bytes = self.geometry_.sector_bytes;
  return address % bytes == 0 && self.Holds(address, bytes) &&
         self.Fill(address, bytes);
}

bool FileFlash::Program(void* context, uint32_t address,
                        Span<const uint8_t> unit) {
  const FileFlash& self = *static_cast<FileFlash*>(context);
  const uint32_t bytes = self.geometry_.program_bytes;
  if (unit.size() != bytes || address % bytes != 0 ||
      !self.Holds(address, bytes)) {
    return false;
  }
  uint8_t before[kMaxProgramBytes];
  if (!port::ReadStorage(self.file_, address, before, bytes)) return false;
  for (uint32_t i = 0; i < bytes; ++i) {
    if (before[i] != self.geometry_.erased) return false;
  }
  return port::WriteStorage(self.file_, address, unit.data(), bytes);
}

}  // namespace biotrain
