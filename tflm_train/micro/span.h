// SPDX-License-Identifier: Apache-2.0
// A pointer with its length: std::span for C++17.
#ifndef TFLM_TRAIN_MICRO_SPAN_H_
#define TFLM_TRAIN_MICRO_SPAN_H_

#include <cstddef>

namespace biotrain {

template <typename T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, size_t size) : data_(data), size_(size) {}
  template <size_t kSize>
  constexpr Span(T (&array)[kSize]) : data_(array), size_(kSize) {}

  // Span<float> where Span<const float> is wanted.
  constexpr operator Span<const T>() const { return {data_, size_}; }

  constexpr T* data() const { return data_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T& operator[](size_t i) const { return data_[i]; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_SPAN_H_
