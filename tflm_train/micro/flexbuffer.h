// SPDX-License-Identifier: Apache-2.0
// Options of a custom op: a FlexBuffer map looked up by key. No access leaves
// the bytes, whatever they say.
#ifndef TFLM_TRAIN_MICRO_FLEXBUFFER_H_
#define TFLM_TRAIN_MICRO_FLEXBUFFER_H_

#include <cstdint>

#include "tflm_train/micro/flatbuffer.h"
#include "tflm_train/micro/span.h"

namespace biotrain {

class FlexMap {
 public:
  FlexMap() = default;
  // Not present if the root of the bytes is no map.
  explicit FlexMap(Span<const uint8_t> bytes);

  bool present() const { return width_ != 0; }

  // False if the key is missing, or its value of another kind or too large.
  [[nodiscard]] bool Int(const char* key, int32_t* value) const;
  [[nodiscard]] bool Float(const char* key, double* value) const;
  [[nodiscard]] bool Bool(const char* key, bool* value) const;
  [[nodiscard]] bool String(const char* key, Text* value) const;

 private:
  struct Value {
    uint8_t type = 0;       // after resolving indirection
    uint8_t width = 0;      // bytes of the number, or of a string's length
    uint32_t position = 0;  // of the number, or of the string's characters
  };
  bool Find(const char* key, Value* value) const;
  bool KeyEquals(uint32_t position, const char* key) const;

  Span<const uint8_t> bytes_;
  uint32_t values_ = 0;  // position of the first value
  uint32_t keys_ = 0;    // position of the first key's offset
  uint32_t count_ = 0;
  // Where the next search begins: keys are mostly asked for in their order.
  mutable uint32_t next_ = 0;
  uint8_t width_ = 0;
  uint8_t key_width_ = 0;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_FLEXBUFFER_H_
