// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/adapt/window_buffer.h"

#include <algorithm>
#include <cstring>

namespace biotrain {

WindowBuffer::WindowBuffer(Span<uint8_t> windows, Span<int32_t> labels,
                           const WindowFormat& format, TensorType model_type,
                           int32_t elements)
    : windows_(windows),
      labels_(labels),
      format_(format),
      model_type_(model_type),
      elements_(elements) {
  const size_t bytes = format.type == TensorType::kInt16 ? 2 : 4;
  window_bytes_ = static_cast<size_t>(elements) * bytes;
  if (window_bytes_ == 0) return;
  capacity_ = static_cast<int32_t>(
      std::min(windows.size() / window_bytes_, labels.size()));
}

void WindowBuffer::Add(const void* window, int32_t label, uint32_t seed,
                       int32_t held_out_one_in) {
  if (capacity_ == 0) return;
  const auto at = static_cast<int32_t>(added_ % capacity_);
  if (size_ == capacity_) {
    held_out_ -= IsHeldOut(at);
  } else {
    ++size_;
  }
  // Not every n-th: classes that come in turn would never be held out.
  const bool held_out = MixBits(added_ ^ MixBits(seed)) % held_out_one_in == 0;
  held_out_ += held_out;
  labels_[at] = label | (held_out ? kHeldOut : 0);
  std::memcpy(windows_.data() + static_cast<size_t>(at) * window_bytes_, window,
              window_bytes_);
  ++added_;
}

int32_t WindowBuffer::NextToTrainOn(int32_t i) const {
  for (int32_t tried = 0; tried < size_ && IsHeldOut(i); ++tried) {
    i = i + 1 < size_ ? i + 1 : 0;
  }
  return i;
}

const void* WindowBuffer::ForModel(const void* window, void* buffer) const {
  if (format_.type == model_type_) return window;
  if (buffer == nullptr) return nullptr;
  const auto* codes = static_cast<const uint8_t*>(window);
  auto* values = static_cast<float*>(buffer);
  for (int32_t i = 0; i < elements_; ++i) {
    int16_t code;
    std::memcpy(&code, codes + 2 * i, sizeof code);
    values[i] = static_cast<float>(code) * format_.scale;
  }
  return buffer;
}

}  // namespace biotrain
