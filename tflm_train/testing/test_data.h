// SPDX-License-Identifier: Apache-2.0
// Inputs and outputs of kernel tests, without a heap.
#ifndef TFLM_TRAIN_TESTING_TEST_DATA_H_
#define TFLM_TRAIN_TESTING_TEST_DATA_H_

#include <cstdint>

#include "tflm_train/testing/micro_test.h"

namespace biotrain {

// The same numbers on every target.
class TestRandom {
 public:
  explicit TestRandom(uint32_t seed) : state_(seed * 2654435761u + 1u) {}

  // In [-1, 1), a multiple of 2^-23.
  float Uniform() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return static_cast<float>(static_cast<int32_t>(state_ >> 8) - 8388608) /
           8388608.0f;
  }
  void Fill(float* values, int n) {
    for (int i = 0; i < n; ++i) values[i] = Uniform();
  }

 private:
  uint32_t state_;
};

inline void ToDouble(const float* values, int n, double* out) {
  for (int i = 0; i < n; ++i) out[i] = static_cast<double>(values[i]);
}

// An output between sentinels. What a kernel forgets to write stays NaN, what
// it writes too much destroys a sentinel.
template <int kCapacity>
class GuardedArray {
 public:
  explicit GuardedArray(int n) : n_(n) {
    const float nan = __builtin_nanf("");
    for (int i = 0; i < kGuard; ++i) {
      values_[i] = kSentinel;
      values_[kGuard + n + i] = kSentinel;
    }
    for (int i = 0; i < n; ++i) values_[kGuard + i] = nan;
  }
  float* data() { return values_ + kGuard; }
  int size() const { return n_; }

  void ExpectIntact(TestContext& test) const {
    bool intact = true;
    for (int i = 0; i < kGuard; ++i) {
      intact = intact && values_[i] == kSentinel;
      intact = intact && values_[kGuard + n_ + i] == kSentinel;
    }
    test.Expect(intact, "sentinels");
  }

 private:
  static constexpr int kGuard = 16;
  static constexpr float kSentinel = 12345.678f;
  int n_;
  float values_[kCapacity + 2 * kGuard];
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_TESTING_TEST_DATA_H_
