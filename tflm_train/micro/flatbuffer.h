// SPDX-License-Identifier: Apache-2.0
// The part of FlatBuffers that TFLite files need, for bytes that nobody has
// checked: no access leaves the file, whatever the file says.
//
// A field that points outside the file, is misaligned or does not fit its
// table reads as if it were absent: numbers as their default, vectors and
// texts as empty, tables as not present. Whoever needs the field refuses the
// model for the lack of it. The file must start at a multiple of four bytes.
#ifndef TFLM_TRAIN_MICRO_FLATBUFFER_H_
#define TFLM_TRAIN_MICRO_FLATBUFFER_H_

#include <cstdint>
#include <cstring>

#include "tflm_train/micro/span.h"

namespace biotrain {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "FlatBuffers are little-endian and read in place");

// Characters of the file, followed there by a NUL.
struct Text {
  const char* data = "";
  uint32_t size = 0;

  bool Equals(const char* other) const {
    for (uint32_t i = 0; i < size; ++i) {
      if (other[i] != data[i] || other[i] == '\0') return false;
    }
    return other[size] == '\0';
  }
  bool Equals(Text other) const {
    return other.size == size && std::memcmp(data, other.data, size) == 0;
  }
};

// One load instruction, where a processor has none for odd addresses too.
template <typename T>
T LoadAligned(const uint8_t* from) {
  T value;
  std::memcpy(&value, __builtin_assume_aligned(from, sizeof(T)), sizeof(T));
  return value;
}

class TableVector;

class Table {
 public:
  Table() = default;

  // The root table of a file with this four-letter identifier.
  static Table Root(Span<const uint8_t> file, const char* identifier);
  // The table at a byte position of the file.
  static Table At(Span<const uint8_t> file, uint32_t position);

  bool present() const { return table_bytes_ != 0; }

  template <typename T>
  T Number(int field, T otherwise = T()) const {
    const uint32_t position = FieldPosition(field, sizeof(T));
    if (position == 0) return otherwise;
    return LoadAligned<T>(file_.data() + position);
  }
  bool Bool(int field) const { return Number<uint8_t>(field) != 0; }

  Table Child(int field) const;
  Text String(int field) const;
  Span<const uint8_t> Bytes(int field) const;
  Span<const int32_t> Ints(int field) const;
  TableVector Tables(int field) const;

  // Where the value of a field lies in the file; 0 if it is absent.
  uint32_t FieldPosition(int field, uint32_t bytes) const;
  // Where the table, vector or text a field refers to lies; 0 if absent.
  uint32_t Target(int field) const;

  // Whether a number, or a vector, is what it seems: there, or not in the file.
  bool IsSound(int field, uint32_t bytes) const;
  bool IsSoundVector(int field, uint32_t element_bytes) const;

 private:
  // The first element of a vector and how many there are.
  const uint8_t* Vector(int field, uint32_t element_bytes,
                        uint32_t* count) const;
  bool IsAbsent(int field) const;

  Span<const uint8_t> file_;
  uint32_t position_ = 0;
  uint32_t vtable_ = 0;
  uint16_t vtable_bytes_ = 0;
  uint16_t table_bytes_ = 0;
};

// A table that was present, of which only sound fields are read: what runs
// again and again need not be looked at again.
class TrustedTable {
 public:
  explicit TrustedTable(const uint8_t* table) : table_(table) {}

  template <typename T>
  T Number(int field) const {
    const uint8_t* value = Field(field);
    return value == nullptr ? T() : LoadAligned<T>(value);
  }
  template <typename T>
  Span<const T> Vector(int field) const {
    const uint8_t* value = Field(field);
    if (value == nullptr) return {};
    value += LoadAligned<uint32_t>(value);
    return {reinterpret_cast<const T*>(value + sizeof(uint32_t)),
            LoadAligned<uint32_t>(value)};
  }

 private:
  const uint8_t* Field(int field) const {
    const uint8_t* vtable = table_ - LoadAligned<int32_t>(table_);
    const uint32_t entry = 4 + 2 * static_cast<uint32_t>(field);
    if (entry + 2 > LoadAligned<uint16_t>(vtable)) return nullptr;
    const uint32_t offset = LoadAligned<uint16_t>(vtable + entry);
    return offset == 0 ? nullptr : table_ + offset;
  }

  const uint8_t* table_;
};

class TableVector {
 public:
  TableVector() = default;
  TableVector(Span<const uint8_t> file, uint32_t first, uint32_t count)
      : file_(file), first_(first), count_(count) {}

  int32_t size() const { return static_cast<int32_t>(count_); }
  // Not present if i is out of range or the table is damaged.
  Table operator[](int64_t i) const;
  // Of an element that was present.
  TrustedTable Trusted(uint32_t i) const {
    const uint8_t* offset = file_.data() + first_ + i * sizeof(uint32_t);
    return TrustedTable(offset + LoadAligned<uint32_t>(offset));
  }

 private:
  Span<const uint8_t> file_;
  uint32_t first_ = 0;
  uint32_t count_ = 0;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_FLATBUFFER_H_
