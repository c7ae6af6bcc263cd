// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/flatbuffer.h"

namespace biotrain {
namespace {

constexpr uint32_t kOffsetBytes = 4;
// A vtable starts with its own length and that of the table.
constexpr uint32_t kVtableHeaderBytes = 4;
// A root offset and an identifier.
constexpr uint32_t kFileHeaderBytes = 8;

bool Fits(Span<const uint8_t> file, uint64_t position, uint64_t bytes) {
  return bytes <= file.size() && position <= file.size() - bytes;
}

// The caller has checked that the value lies in the file, and aligned.
template <typename T>
T Load(Span<const uint8_t> file, uint64_t position) {
  return LoadAligned<T>(file.data() + position);
}

// The position an offset stored at `position` refers to; 0 if outside.
uint32_t Follow(Span<const uint8_t> file, uint32_t position) {
  const uint64_t target = uint64_t{position} + Load<uint32_t>(file, position);
  const bool inside = Fits(file, target, kOffsetBytes);
  return inside && target % kOffsetBytes == 0 ? static_cast<uint32_t>(target)
                                              : 0;
}

}  // namespace

Table Table::Root(Span<const uint8_t> file, const char* identifier) {
  if (file.size() < kFileHeaderBytes || file.size() > INT32_MAX) return {};
  if (std::memcmp(file.data() + kOffsetBytes, identifier, 4) != 0) return {};
  return At(file, Follow(file, 0));
}

Table Table::At(Span<const uint8_t> file, uint32_t position) {
  if (position == 0 || position % kOffsetBytes != 0) return {};
  if (!Fits(file, position, kOffsetBytes)) return {};
  const int64_t vtable =
      int64_t{position} - int64_t{Load<int32_t>(file, position)};
  if (vtable < 0 || vtable % 2 != 0) return {};
  if (!Fits(file, vtable, kVtableHeaderBytes)) return {};
  Table table;
  table.file_ = file;
  table.position_ = position;
  table.vtable_ = static_cast<uint32_t>(vtable);
  table.vtable_bytes_ = Load<uint16_t>(file, vtable);
  const uint16_t table_bytes = Load<uint16_t>(file, vtable + 2);
  if (table.vtable_bytes_ < kVtableHeaderBytes || table_bytes < kOffsetBytes) {
    return {};
  }
  if (!Fits(file, vtable, table.vtable_bytes_)) return {};
  if (!Fits(file, position, table_bytes)) return {};
  table.table_bytes_ = table_bytes;
  return table;
}

uint32_t Table::FieldPosition(int field, uint32_t bytes) const {
  const uint32_t entry = kVtableHeaderBytes + 2 * static_cast<uint32_t>(field);
  if (entry + 2 > vtable_bytes_) return 0;
  const uint32_t offset = Load<uint16_t>(file_, uint64_t{vtable_} + entry);
  if (offset < kOffsetBytes || offset + bytes > table_bytes_) return 0;
  const uint32_t position = position_ + offset;
  return position % bytes == 0 ? position : 0;
}

uint32_t Table::Target(int field) const {
  const uint32_t position = FieldPosition(field, kOffsetBytes);
  return position == 0 ? 0 : Follow(file_, position);
}

Table Table::Child(int field) const { return At(file_, Target(field)); }

const uint8_t* Table::Vector(int field, uint32_t element_bytes,
                             uint32_t* count) const {
  *count = 0;
  const uint32_t position = Target(field);
  if (position == 0) return nullptr;
  const uint32_t found = Load<uint32_t>(file_, position);
  const uint64_t first = uint64_t{position} + kOffsetBytes;
  if (!Fits(file_, first, uint64_t{found} * element_bytes)) return nullptr;
  *count = found;
  return file_.data() + first;
}

bool Table::IsAbsent(int field) const {
  const uint32_t entry = kVtableHeaderBytes + 2 * static_cast<uint32_t>(field);
  return entry + 2 > vtable_bytes_ ||
         Load<uint16_t>(file_, uint64_t{vtable_} + entry) == 0;
}

bool Table::IsSound(int field, uint32_t bytes) const {
  return IsAbsent(field) || FieldPosition(field, bytes) != 0;
}

bool Table::IsSoundVector(int field, uint32_t element_bytes) const {
  uint32_t count;
  return IsAbsent(field) || Vector(field, element_bytes, &count) != nullptr;
}

Text Table::String(int field) const {
  uint32_t size;
  const uint8_t* data = Vector(field, 1, &size);
  if (data == nullptr || data + size == file_.end() || data[size] != '\0') {
    return {};
  }
  return {reinterpret_cast<const char*>(data), size};
}

Span<const uint8_t> Table::Bytes(int field) const {
  uint32_t size;
  const uint8_t* data = Vector(field, 1, &size);
  return {data, size};
}

Span<const int32_t> Table::Ints(int field) const {
  uint32_t size;
  const uint8_t* data = Vector(field, sizeof(int32_t), &size);
  return {reinterpret_cast<const int32_t*>(data), size};
}

TableVector Table::Tables(int field) const {
  uint32_t size;
  const uint8_t* data = Vector(field, kOffsetBytes, &size);
  if (data == nullptr) return {};
  return {file_, static_cast<uint32_t>(data - file_.data()), size};
}

Table TableVector::operator[](int64_t i) const {
  if (i < 0 || i >= int64_t{count_}) return {};
  const uint32_t position = first_ + static_cast<uint32_t>(i) * kOffsetBytes;
  return Table::At(file_, Follow(file_, position));
}

}  // namespace biotrain
