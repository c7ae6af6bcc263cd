// SPDX-License-Identifier: Apache-2.0
// The newest labelled windows, in memory of the caller's. Some of them, chosen
// by a hash of when they came, are held out for validation.
#ifndef TFLM_TRAIN_ADAPT_WINDOW_BUFFER_H_
#define TFLM_TRAIN_ADAPT_WINDOW_BUFFER_H_

#include <cstddef>
#include <cstdint>

#include "tflm_train/micro/model.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/tensor.h"

namespace biotrain {

// How windows come and are kept: float32, or int16 whose value is code times
// `scale`.
struct WindowFormat {
  TensorType type = TensorType::kFloat32;  // kFloat32 or kInt16
  float scale = 1.0f;
};

class WindowBuffer {
 public:
  WindowBuffer() = default;
  // Holds as many windows as fit in `windows` and have a place in `labels`.
  // The model wants `elements` of `model_type` a window.
  WindowBuffer(Span<uint8_t> windows, Span<int32_t> labels,
               const WindowFormat& format, TensorType model_type,
               int32_t elements);

  // Where there is no room the oldest goes. `held_out_one_in` is at least 2.
  void Add(const void* window, int32_t label, uint32_t seed,
           int32_t held_out_one_in);

  int32_t capacity() const { return capacity_; }
  int32_t size() const { return size_; }
  int32_t held_out() const { return held_out_; }
  size_t window_bytes() const { return window_bytes_; }

  bool IsHeldOut(int32_t i) const { return (labels_[i] & kHeldOut) != 0; }
  int32_t Label(int32_t i) const { return labels_[i] & ~kHeldOut; }
  const uint8_t* Window(int32_t i) const {
    return windows_.data() + static_cast<size_t>(i) * window_bytes_;
  }
  // The first window from `i` on, around the ring, that is trained on.
  int32_t NextToTrainOn(int32_t i) const;

  // `window` as the model wants it: where it is, or in `buffer`; nullptr if it
  // has to be converted and there is no buffer.
  const void* ForModel(const void* window, void* buffer) const;

 private:
  static constexpr int32_t kHeldOut = 1 << 30;

  Span<uint8_t> windows_;
  Span<int32_t> labels_;
  WindowFormat format_;
  TensorType model_type_ = TensorType::kFloat32;
  int32_t elements_ = 0;
  size_t window_bytes_ = 0;
  int32_t capacity_ = 0;
  int32_t size_ = 0;
  int32_t held_out_ = 0;
  uint32_t added_ = 0;
};

// Mixes the bits of a number, the same everywhere.
constexpr uint32_t MixBits(uint32_t value) {
  value = (value ^ (value >> 16)) * 0x7feb352du;
  value = (value ^ (value >> 15)) * 0x846ca68bu;
  return value ^ (value >> 16);
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_ADAPT_WINDOW_BUFFER_H_
