// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/flexbuffer.h"

#include <cstring>

namespace biotrain {
namespace {

// Values of the FlexBuffers specification.
enum FlexType : uint8_t {
  kInt = 1,
  kUint = 2,
  kFloat = 3,
  kString = 5,
  kIndirectInt = 6,
  kIndirectUint = 7,
  kIndirectFloat = 8,
  kMap = 9,
  kBool = 26,
};

// The options of an op are a handful; a lookup tries every key.
constexpr uint64_t kMaxKeys = 64;

constexpr double kFloatMax = 3.4028234663852886e38;

constexpr uint8_t WidthOf(uint8_t packed_type) {
  return static_cast<uint8_t>(1u << (packed_type & 3));
}

// Positions are those of bytes that lie in memory; counts come from the file.
bool Fits(Span<const uint8_t> bytes, uint32_t position, uint64_t count) {
  return count <= bytes.size() && position <= bytes.size() - count;
}

bool LoadUint(Span<const uint8_t> bytes, uint32_t position, uint32_t width,
              uint64_t* value) {
  if (width > bytes.size() || position > bytes.size() - width) return false;
  *value = bytes[position];
  if (width == 1) return true;  // nearly always
  *value = 0;
  std::memcpy(value, bytes.data() + position, width);
  return true;
}

bool LoadInt(Span<const uint8_t> bytes, uint32_t position, uint8_t width,
             int64_t* value) {
  uint64_t raw;
  if (!LoadUint(bytes, position, width, &raw)) return false;
  const int shift = 64 - 8 * width;
  *value = static_cast<int64_t>(raw << shift) >> shift;
  return true;
}

// The position `back` bytes before `position`, an offset stored there.
bool Follow(Span<const uint8_t> bytes, uint32_t position, uint8_t width,
            uint32_t* target) {
  uint64_t back;
  if (!LoadUint(bytes, position, width, &back) || back > position) {
    return false;
  }
  *target = position - static_cast<uint32_t>(back);
  return true;
}

}  // namespace

FlexMap::FlexMap(Span<const uint8_t> bytes) : bytes_(bytes) {
  if (bytes.size() < 3 || bytes.size() > INT32_MAX) return;
  const uint8_t root_width = bytes[bytes.size() - 1];
  const uint8_t root_type = bytes[bytes.size() - 2];
  if (root_width == 0 || root_width > 8 || bytes.size() < 2u + root_width ||
      (root_type >> 2) != kMap) {
    return;
  }
  uint32_t values;
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  if (!Follow(bytes, size - 2 - root_width, root_width, &values)) {
    return;
  }
  // Before the values: offset of the keys, their width, the count.
  const uint8_t width = WidthOf(root_type);
  if (values < 3u * width) return;
  uint32_t keys;
  uint64_t key_width, count;
  if (!Follow(bytes, values - 3u * width, width, &keys) ||
      !LoadUint(bytes, values - 2u * width, width, &key_width) ||
      !LoadUint(bytes, values - width, width, &count)) {
    return;
  }
  if (count > kMaxKeys || key_width == 0 || key_width > 8 ||
      (key_width & (key_width - 1)) != 0) {
    return;
  }
  if (!Fits(bytes, keys, count * key_width) ||
      !Fits(bytes, values, count * (width + 1))) {
    return;
  }
  values_ = values;
  keys_ = keys;
  count_ = static_cast<uint32_t>(count);
  key_width_ = static_cast<uint8_t>(key_width);
  width_ = width;
}

bool FlexMap::KeyEquals(uint32_t position, const char* key) const {
  for (uint32_t i = position; i < bytes_.size(); ++i, ++key) {
    if (bytes_[i] != static_cast<uint8_t>(*key)) return false;
    if (*key == '\0') return true;
  }
  return false;
}

bool FlexMap::Find(const char* key, Value* value) const {
  uint32_t i = next_;
  for (uint32_t tries = 0; tries < count_; ++tries, ++i) {
    if (i == count_) i = 0;
    uint32_t name;
    if (!Follow(bytes_, keys_ + i * key_width_, key_width_, &name)) continue;
    if (!KeyEquals(name, key)) continue;
    next_ = i + 1;
    const uint8_t packed = bytes_[values_ + count_ * width_ + i];
    value->type = packed >> 2;
    value->width = width_;
    value->position = values_ + i * width_;
    const bool direct = value->type == kInt || value->type == kUint ||
                        value->type == kFloat || value->type == kBool;
    if (direct) return true;
    value->width = WidthOf(packed);
    if (!Follow(bytes_, value->position, width_, &value->position)) {
      return false;
    }
    if (value->type == kIndirectInt) value->type = kInt;
    if (value->type == kIndirectUint) value->type = kUint;
    if (value->type == kIndirectFloat) value->type = kFloat;
    return true;
  }
  return false;
}

bool FlexMap::Int(const char* key, int32_t* value) const {
  Value found;
  if (!Find(key, &found)) return false;
  int64_t wide;
  if (found.type == kInt) {
    if (!LoadInt(bytes_, found.position, found.width, &wide)) return false;
  } else if (found.type == kUint) {
    uint64_t raw;
    if (!LoadUint(bytes_, found.position, found.width, &raw)) return false;
    if (raw > INT32_MAX) return false;
    wide = static_cast<int64_t>(raw);
  } else {
    return false;
  }
  if (wide < INT32_MIN || wide > INT32_MAX) return false;
  *value = static_cast<int32_t>(wide);
  return true;
}

bool FlexMap::Float(const char* key, double* value) const {
  Value found;
  if (!Find(key, &found)) return false;
  if (found.type != kFloat) {
    // Writers are free to store 1.0 as the integer 1.
    int32_t whole;
    if (!Int(key, &whole)) return false;
    *value = whole;
    return true;
  }
  if (!Fits(bytes_, found.position, found.width)) return false;
  if (found.width == sizeof(float)) {
    float narrow;
    std::memcpy(&narrow, bytes_.data() + found.position, sizeof(float));
    *value = narrow;
    return *value >= -kFloatMax && *value <= kFloatMax;
  }
  if (found.width == sizeof(double)) {
    std::memcpy(value, bytes_.data() + found.position, sizeof(double));
    return *value >= -kFloatMax && *value <= kFloatMax;
  }
  return false;
}

bool FlexMap::Bool(const char* key, bool* value) const {
  Value found;
  if (!Find(key, &found) || found.type == kFloat || found.type == kString) {
    return false;
  }
  uint64_t raw;
  if (!LoadUint(bytes_, found.position, found.width, &raw)) return false;
  *value = raw != 0;
  return true;
}

bool FlexMap::String(const char* key, Text* value) const {
  Value found;
  if (!Find(key, &found) || found.type != kString) return false;
  if (found.position < found.width) return false;
  uint64_t size;
  if (!LoadUint(bytes_, found.position - found.width, found.width, &size)) {
    return false;
  }
  if (!Fits(bytes_, found.position, size)) return false;
  value->data = reinterpret_cast<const char*>(bytes_.data() + found.position);
  value->size = static_cast<uint32_t>(size);
  return true;
}

}  // namespace biotrain
