// SPDX-License-Identifier: Apache-2.0
// Writes bytes of any length to flash, one unit at a time.
#ifndef TFLM_TRAIN_STORE_UNIT_WRITER_H_
#define TFLM_TRAIN_STORE_UNIT_WRITER_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "tflm_train/micro/crc32.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/store/flash.h"

namespace biotrain {

class UnitWriter {
 public:
  static constexpr uint32_t kMaxUnitBytes = 256;

  // `address` is a multiple of program_bytes, which is at most kMaxUnitBytes.
  UnitWriter(const Flash& flash, uint32_t address)
      : flash_(flash), address_(address) {}

  // After a failure nothing more is written; Finish says so.
  void Write(Span<const uint8_t> bytes) {
    crc_ = Crc32(crc_, bytes.data(), bytes.size());
    const uint32_t unit_bytes = flash_.geometry.program_bytes;
    for (size_t done = 0; done < bytes.size();) {
      const size_t part =
          std::min<size_t>(unit_bytes - filled_, bytes.size() - done);
      std::memcpy(unit_ + filled_, bytes.data() + done, part);
      filled_ += static_cast<uint32_t>(part);
      done += part;
      if (filled_ == unit_bytes) Program();
    }
  }

  // Pads the last unit. False: the unit at address() could not be programmed.
  [[nodiscard]] bool Finish() {
    if (filled_ > 0) {
      const uint32_t unit_bytes = flash_.geometry.program_bytes;
      std::memset(unit_ + filled_, flash_.geometry.erased,
                  unit_bytes - filled_);
      filled_ = unit_bytes;
      Program();
    }
    return !failed_;
  }

  // Of all that was written, without the padding.
  uint32_t crc() const { return crc_; }
  uint32_t address() const { return address_; }

 private:
  void Program() {
    filled_ = 0;
    if (failed_) return;
    const uint32_t unit_bytes = flash_.geometry.program_bytes;
    failed_ = !flash_.program(flash_.context, address_, {unit_, unit_bytes});
    if (!failed_) address_ += unit_bytes;
  }

  const Flash& flash_;
  uint32_t address_;
  uint32_t filled_ = 0;
  uint32_t crc_ = 0;
  bool failed_ = false;
  // Flash drivers take words.
  alignas(8) uint8_t unit_[kMaxUnitBytes];
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_STORE_UNIT_WRITER_H_
