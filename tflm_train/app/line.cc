// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/app/line.h"

#include <string.h>

#include "tflm_train/ports/port.h"

namespace biotrain {
namespace {

uint32_t BitsOf(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

constexpr uint64_t kDecimals = 10000000;

// |value| * 10^7, for value below 2^32: a float is mantissa * 2^exponent, and
// the product of mantissa and 10^7 fits in 48 bits.
uint64_t FixedPoint(uint32_t bits) {
  const int exponent = static_cast<int>((bits >> 23) & 255u) - 150;
  const uint64_t mantissa = (bits & 0x7FFFFFu) | 0x800000u;
  if (exponent <= -63) return 0;
  const uint64_t scaled = mantissa * kDecimals;
  return exponent < 0 ? scaled >> -exponent : scaled << exponent;
}

}  // namespace

void Line::Put(char character) {
  // Room is kept for the newline; a longer line is cut.
  if (size_ < sizeof(text_) - 1) text_[size_++] = character;
}

void Line::Put(const char* text) {
  while (*text != '\0') Put(*text++);
}

void Line::PutUnsigned(uint64_t value, int least_digits) {
  char digits[20];
  int count = 0;
  while (value != 0 || count < least_digits) {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  while (count > 0) Put(digits[--count]);
}

void Line::Key(const char* key) {
  if (size_ > 0) Put(' ');
  Put(key);
  Put('=');
}

Line& Line::Text(const char* key, const char* value) {
  Key(key);
  // A value is one word to whoever parses the line.
  for (; *value != '\0'; ++value) Put(*value == ' ' ? '_' : *value);
  return *this;
}

Line& Line::Int(const char* key, int64_t value) {
  Key(key);
  if (value < 0) Put('-');
  const uint64_t bits = static_cast<uint64_t>(value);
  PutUnsigned(value < 0 ? 0 - bits : bits, 1);
  return *this;
}

Line& Line::Float(const char* key, float value) {
  constexpr uint32_t kInfinityBits = 0x7F800000u;
  constexpr uint32_t kTwoTo32Bits = 0x4F800000u;
  Key(key);
  const uint32_t bits = BitsOf(value);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > kInfinityBits) {
    Put("nan");
    return *this;
  }
  if (bits != magnitude) Put('-');
  if (magnitude >= kTwoTo32Bits) {
    Put(magnitude == kInfinityBits ? "inf" : "large");
    return *this;
  }
  const uint64_t fixed = FixedPoint(magnitude);
  PutUnsigned(fixed / kDecimals, 1);
  Put('.');
  PutUnsigned(fixed % kDecimals, 7);
  return *this;
}

Line& Line::Bits(const char* key, float value) {
  Key(key);
  const uint32_t bits = BitsOf(value);
  for (int shift = 28; shift >= 0; shift -= 4) {
    Put("0123456789abcdef"[(bits >> shift) & 15u]);
  }
  return *this;
}

void Line::Send() {
  text_[size_++] = '\n';
  port::Write(text_, size_);
  size_ = 0;
}

void SendError(const Status& status) {
  Line()
      .Text("error", StatusName(status.code))
      .Text("what", status.what)
      .Int("wanted", status.wanted)
      .Int("found", status.found)
      .Send();
}

void SendWord(const char* word) {
  port::Write(word, strlen(word));
  port::Write("\n", 1);
}

}  // namespace biotrain
