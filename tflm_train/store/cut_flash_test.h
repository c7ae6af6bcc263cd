// SPDX-License-Identifier: Apache-2.0
// A flash whose power is cut in the middle of an operation, for tests.
#ifndef TFLM_TRAIN_STORE_CUT_FLASH_TEST_H_
#define TFLM_TRAIN_STORE_CUT_FLASH_TEST_H_

#include <cstdint>
#include <cstring>

#include "tflm_train/store/flash.h"
#include "tflm_train/testing/test_data.h"

namespace biotrain {

// What the operation that is cut leaves behind.
enum class Tear {
  kBefore,      // nothing of it was done
  kPrefix,      // the first `part` bytes were programmed
  kBits,        // some bits of the unit were programmed, by `part` as a seed
  kUnreadable,  // as kPrefix, and the unit cannot be read any more (ECC)
  kFlaky,       // all of it, but it may read as erased in another `phase`
  kAfter,       // all of it was done, but nobody was told
};

struct Cut {
  int at = -1;  // the operation, counted from 0; -1: none
  Tear tear = Tear::kBefore;
  uint32_t part = 0;
};

class CutFlash {
 public:
  static constexpr uint32_t kMaxBytes = 4096;
  static constexpr uint32_t kMaxUnits = kMaxBytes / 8;

  explicit CutFlash(const FlashGeometry& geometry) : geometry_(geometry) {
    std::memset(memory_, geometry.erased, sizeof memory_);
  }

  Flash flash() { return {geometry_, this, Read, Erase, Program}; }

  // Power is on, and will be cut in operation `cut.at` from now on.
  void PowerOn(const Cut& cut = {}) {
    cut_ = cut;
    operations_ = 0;
    powered_ = true;
  }
  // What has been left flaky reads as written in phase 0, as erased in phase 1.
  void SetPhase(int phase) { phase_ = phase; }
  bool powered() const { return powered_; }
  int operations() const { return operations_; }
  uint32_t bytes() const { return geometry_.sectors * geometry_.sector_bytes; }
  uint8_t* memory() { return memory_; }

 private:
  // Whether this operation is the one that is cut.
  bool IsCut() {
    if (operations_++ != cut_.at) return false;
    powered_ = false;
    return true;
  }
  uint32_t Unit(uint32_t address) const {
    return address / geometry_.program_bytes;
  }

  static bool Read(void* context, uint32_t address, Span<uint8_t> bytes) {
    const CutFlash& self = *static_cast<CutFlash*>(context);
    if (!self.powered_ || address + bytes.size() > self.bytes()) return false;
    const uint32_t end = static_cast<uint32_t>(address + bytes.size());
    for (uint32_t i = self.Unit(address);
         !bytes.empty() && i <= self.Unit(end - 1); ++i) {
      if (self.unreadable_[i]) return false;
    }
    for (uint32_t i = 0; i < bytes.size(); ++i) {
      const bool flaky = self.flaky_[self.Unit(address + i)];
      bytes[i] = flaky && self.phase_ == 1 ? self.geometry_.erased
                                           : self.memory_[address + i];
    }
    return true;
  }

  static bool Erase(void* context, uint32_t address) {
    CutFlash& self = *static_cast<CutFlash*>(context);
    const uint32_t bytes = self.geometry_.sector_bytes;
    if (!self.powered_ || address % bytes != 0) return false;
    const bool cut = self.IsCut();
    if (cut && self.cut_.tear == Tear::kBefore) return false;
    for (uint32_t i = address; i < address + bytes;
         i += self.geometry_.program_bytes) {
      self.unreadable_[self.Unit(i)] = self.flaky_[self.Unit(i)] = false;
    }
    uint8_t* const at = self.memory_ + address;
    if (!cut || self.cut_.tear == Tear::kAfter) {
      std::memset(at, self.geometry_.erased, bytes);
      return !cut;
    }
    // Half of the charge has moved: any bit may be erased or not.
    TestRandom random(self.cut_.part + 1);
    for (uint32_t i = 0; i < bytes; ++i) {
      const uint8_t mask = RandomByte(random);
      at[i] = static_cast<uint8_t>((at[i] & mask) |
                                   (self.geometry_.erased & ~mask));
    }
    return false;
  }

  static bool Program(void* context, uint32_t address,
                      Span<const uint8_t> unit) {
    CutFlash& self = *static_cast<CutFlash*>(context);
    const uint32_t bytes = self.geometry_.program_bytes;
    if (!self.powered_ || unit.size() != bytes || address % bytes != 0 ||
        address + bytes > self.bytes()) {
      return false;
    }
    uint8_t* const at = self.memory_ + address;
    for (uint32_t i = 0; i < bytes; ++i) {
      if (at[i] != self.geometry_.erased) return false;
    }
    const bool cut = self.IsCut();
    const Tear tear = cut ? self.cut_.tear : Tear::kAfter;
    uint32_t written = bytes;
    if (tear == Tear::kBefore) written = 0;
    if (tear == Tear::kPrefix || tear == Tear::kUnreadable) {
      written = self.cut_.part % bytes;
    }
    TestRandom random(self.cut_.part + 1);
    for (uint32_t i = 0; i < written; ++i) {
      const uint8_t mask = tear == Tear::kBits ? RandomByte(random) : 0xff;
      at[i] = static_cast<uint8_t>((unit[i] & mask) |
                                   (self.geometry_.erased & ~mask));
    }
    if (tear == Tear::kFlaky) self.flaky_[self.Unit(address)] = true;
    if (tear == Tear::kUnreadable) self.unreadable_[self.Unit(address)] = true;
    return !cut;
  }

  static uint8_t RandomByte(TestRandom& random) {
    return static_cast<uint8_t>((random.Uniform() + 1.0f) * 128.0f);
  }

  FlashGeometry geometry_;
  uint8_t memory_[kMaxBytes];
  bool unreadable_[kMaxUnits] = {};
  bool flaky_[kMaxUnits] = {};
  int phase_ = 0;
  Cut cut_;
  int operations_ = 0;
  bool powered_ = true;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_STORE_CUT_FLASH_TEST_H_
