// SPDX-License-Identifier: Apache-2.0
// Damage for a flatbuffer: either blind, or where the structure is.
#ifndef TFLM_TRAIN_MICRO_FUZZ_MUTATE_H_
#define TFLM_TRAIN_MICRO_FUZZ_MUTATE_H_

#include <cstdint>
#include <vector>

#include "tflm_train/micro/span.h"

namespace biotrain {
namespace fuzz {

// SplitMix64: the same numbers everywhere for the same seed.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // In [0, end); 0 if end is 0.
  uint32_t Below(uint64_t end) {
    return end == 0 ? 0 : static_cast<uint32_t>(Next() % end);
  }

 private:
  uint64_t state_;
};

// What the number at a place of the file means.
enum class SiteKind : uint8_t {
  kDim,
  kType,
  kBufferIndex,
  kTensorIndex,
  kOpcodeIndex,
  kBuiltinCode,
  kOption,
  kFlexByte,
  kPlanWord,
  kLength,
  kSignature,
  kOffset,
};
constexpr int kSiteKinds = 12;

struct Site {
  uint32_t position;
  uint8_t bytes;  // 1 or 4
};

// All sites of an undamaged model, by kind.
class SiteMap {
 public:
  explicit SiteMap(Span<const uint8_t> model);
  const std::vector<Site>& at(SiteKind kind) const {
    return sites_[static_cast<int>(kind)];
  }
  size_t size() const;

 private:
  std::vector<Site> sites_[kSiteKinds];
};

// One to four numbers of the structure get another value.
void MutateStructure(const SiteMap& sites, Random* random,
                     std::vector<uint8_t>* model);
// Bit flips, bytes, blocks copied, the end cut off.
void MutateBytes(Random* random, std::vector<uint8_t>* model);

}  // namespace fuzz
}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_FUZZ_MUTATE_H_
