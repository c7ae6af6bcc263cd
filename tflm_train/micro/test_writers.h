// SPDX-License-Identifier: Apache-2.0
// Writes the bytes of flatbuffers and FlexBuffer maps for tests, without a
// heap: every table has slots of four bytes, parents stand before children.
#ifndef TFLM_TRAIN_MICRO_TEST_WRITERS_H_
#define TFLM_TRAIN_MICRO_TEST_WRITERS_H_

#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "tflm_train/micro/span.h"

namespace biotrain {

// Devices have no strlen.
inline uint32_t TextBytes(const char* text) {
  uint32_t bytes = 0;
  while (text[bytes] != '\0') {
    ++bytes;
    asm volatile("");  // or else this is made a call of strlen
  }
  return bytes;
}

// The bytes of a file, and places in it that are linked or changed later.
class FlatWriter {
 public:
  uint32_t Table(int fields) {
    const uint32_t vtable_bytes = 4 + 2 * fields;
    const uint32_t vtable = Reserve((vtable_bytes + 3) / 4 * 4);
    const uint32_t table = Reserve(4 + 4 * fields);
    Put16(vtable, vtable_bytes);
    Put16(vtable + 2, 4 + 4 * fields);
    for (int f = 0; f < fields; ++f) Put16(vtable + 4 + 2 * f, 4 + 4 * f);
    Put(table, static_cast<int32_t>(table - vtable));
    // What is not set reads as absent, so as to get its default.
    for (int f = 0; f < fields; ++f) Put16(vtable + 4 + 2 * f, 0);
    return table;
  }
  void Set(uint32_t table, int field, int32_t value) {
    Put(Slot(table, field), value);
  }
  // The child begins at the end of what has been written so far.
  void LinkNext(uint32_t table, int field) {
    const uint32_t slot = Slot(table, field);
    Put(slot, static_cast<int32_t>(size_ - slot));
  }
  // To a table, whose vtable stands before it.
  void Link(uint32_t slot, uint32_t target) {
    Put(slot, static_cast<int32_t>(target - slot));
  }
  void Link(uint32_t table, int field, uint32_t target) {
    Link(Slot(table, field), target);
  }
  // Returns where the first element stands.
  uint32_t Words(int count, const int32_t* values) {
    const uint32_t vector = Reserve(4 + 4 * count);
    Put(vector, count);
    for (int i = 0; i < count && values != nullptr; ++i) {
      Put(vector + 4 + 4 * i, values[i]);
    }
    return vector + 4;
  }
  uint32_t Bytes(size_t count, const void* values) {
    const uint32_t vector = Reserve(4 + (count + 4) / 4 * 4);
    Put(vector, static_cast<int32_t>(count));
    std::memcpy(bytes_ + vector + 4, values, count);
    return vector + 4;
  }
  uint32_t Reserve(size_t count) {
    const uint32_t at = size_;
    if (at + count > kCapacity) __builtin_trap();
    std::memset(bytes_ + at, 0, count);
    size_ += static_cast<uint32_t>(count);
    return at;
  }
  void Put(uint32_t at, int32_t value) { std::memcpy(bytes_ + at, &value, 4); }

  Span<uint8_t> bytes() { return {bytes_, size_}; }

 private:
  static constexpr size_t kCapacity = 12 * 1024;

  void Put16(uint32_t at, uint32_t value) {
    const uint16_t half = static_cast<uint16_t>(value);
    std::memcpy(bytes_ + at, &half, 2);
  }
  // Makes the field present.
  uint32_t Slot(uint32_t table, int field) {
    int32_t to_vtable;
    std::memcpy(&to_vtable, bytes_ + table, 4);
    Put16(table - to_vtable + 4 + 2 * field, 4 + 4 * field);
    return table + 4 + 4 * field;
  }

  alignas(16) uint8_t bytes_[kCapacity];
  uint32_t size_ = 0;
};

// A FlexBuffer map with numbers of four bytes.
class FlexWriter {
 public:
  FlexWriter& Int(const char* key, int32_t value) { return Add(key, 1, value); }
  FlexWriter& Bool(const char* key, bool value) { return Add(key, 26, value); }
  FlexWriter& Float(const char* key, float value) {
    int32_t bits;
    std::memcpy(&bits, &value, 4);
    return Add(key, 3, bits);
  }
  FlexWriter& String(const char* key, const char* value) {
    const uint32_t size = TextBytes(value);
    Put(size);
    const uint32_t at = size_;
    PutText(value);
    return Add(key, 5, static_cast<int32_t>(at));
  }
  Span<const uint8_t> Finish() {
    const uint32_t keys = size_ + 4;
    Put(count_);
    for (int i = 0; i < count_; ++i) Put(size_ - entries_[i].key);
    Put(size_ - keys);  // back to the keys
    Put(4);             // their width
    Put(count_);
    const uint32_t values = size_;
    for (int i = 0; i < count_; ++i) {
      const bool indirect = entries_[i].type == 5;
      Put(indirect ? size_ - entries_[i].value : entries_[i].value);
    }
    for (int i = 0; i < count_; ++i) {
      bytes_[size_++] = static_cast<uint8_t>(entries_[i].type << 2 | 2);
    }
    const uint32_t back = size_ - values;
    bytes_[size_++] = static_cast<uint8_t>(back);
    bytes_[size_++] = 9 << 2 | 2;
    bytes_[size_++] = 1;
    return {bytes_, size_};
  }

 private:
  struct Entry {
    uint32_t key;
    uint32_t value;
    uint8_t type;
  };
  FlexWriter& Add(const char* key, uint8_t type, int32_t value) {
    entries_[count_++] = {size_, static_cast<uint32_t>(value), type};
    PutText(key);
    return *this;
  }
  void Put(uint32_t value) {
    std::memcpy(bytes_ + size_, &value, 4);
    size_ += 4;
  }
  void PutText(const char* text) {
    const size_t bytes = TextBytes(text) + 1;
    std::memcpy(bytes_ + size_, text, bytes);
    size_ += static_cast<uint32_t>(bytes);
  }

  uint8_t bytes_[512];
  uint32_t size_ = 0;
  Entry entries_[16];
  int count_ = 0;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_TEST_WRITERS_H_
