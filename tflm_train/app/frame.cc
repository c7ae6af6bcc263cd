// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/app/frame.h"

#include "tflm_train/micro/crc32.h"
#include "tflm_train/ports/port.h"

namespace biotrain {
namespace {

constexpr uint8_t kMagic[2] = {0xB7, 0x7B};
constexpr size_t kHeaderBytes = 5;  // type and length, what the CRC begins with

void PutUint32(uint32_t value, uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
}

uint32_t GetUint32(const uint8_t* bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i)
    value |= static_cast<uint32_t>(bytes[i]) << (8 * i);
  return value;
}

}  // namespace

bool FrameReader::Next() {
  // Byte by byte: after a lost byte the next magic starts a frame again.
  uint8_t byte = 0;
  bool first_seen = false;
  for (;;) {
    if (!port::Read(&byte, 1)) return false;
    if (first_seen && byte == kMagic[1]) break;
    first_seen = byte == kMagic[0];
  }
  uint8_t header[kHeaderBytes];
  if (!port::Read(header, kHeaderBytes)) return false;
  type_ = static_cast<char>(header[0]);
  length_ = GetUint32(header + 1);
  crc_ = Crc32(0, header, kHeaderBytes);
  return true;
}

bool FrameReader::Payload(void* data, size_t size) {
  if (size == 0) return true;
  if (!port::Read(data, size)) return false;
  crc_ = Crc32(crc_, data, size);
  return true;
}

bool FrameReader::Skip(size_t size) {
  uint8_t dropped[64];
  while (size > 0) {
    const size_t part = size < sizeof(dropped) ? size : sizeof(dropped);
    if (!Payload(dropped, part)) return false;
    size -= part;
  }
  return true;
}

bool FrameReader::Verify(bool* matches) {
  uint8_t crc[4];
  if (!port::Read(crc, sizeof(crc))) return false;
  *matches = GetUint32(crc) == crc_;
  return true;
}

FrameWriter::FrameWriter(char type, uint32_t length) {
  uint8_t head[2 + kHeaderBytes] = {kMagic[0], kMagic[1],
                                    static_cast<uint8_t>(type)};
  PutUint32(length, head + 3);
  crc_ = Crc32(0, head + 2, kHeaderBytes);
  port::Write(head, sizeof(head));
}

void FrameWriter::Write(const void* data, size_t size) {
  if (size == 0) return;
  crc_ = Crc32(crc_, data, size);
  port::Write(data, size);
}

void FrameWriter::End() {
  uint8_t crc[4];
  PutUint32(crc_, crc);
  port::Write(crc, sizeof(crc));
}

void SendFrame(char type, const void* payload, uint32_t length) {
  FrameWriter frame(type, length);
  frame.Write(payload, length);
  frame.End();
}

}  // namespace biotrain
