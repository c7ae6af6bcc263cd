// SPDX-License-Identifier: Apache-2.0
// What GCC calls on its own account. With them a firmware needs
// no libc.
#include <stddef.h>
#include <stdint.h>

// Or GCC would see through the loops below and call memcpy for them.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

namespace {

// May alias anything: it moves bytes of every type.
typedef uint32_t __attribute__((may_alias)) Word;
constexpr size_t kWord = sizeof(Word);
constexpr size_t kBlock = 4 * kWord;

bool BothAligned(const void* a, const void* b) {
  return ((reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b)) %
          kWord) == 0;
}

}  // namespace

extern "C" void* memcpy(void* to, const void* from, size_t size) {
  uint8_t* out = static_cast<uint8_t*>(to);
  const uint8_t* in = static_cast<const uint8_t*>(from);
  if (BothAligned(out, in)) {
    for (; size >= kBlock; size -= kBlock, in += kBlock, out += kBlock) {
      const Word* source = reinterpret_cast<const Word*>(in);
      Word* target = reinterpret_cast<Word*>(out);
      const Word a = source[0], b = source[1], c = source[2], d = source[3];
      target[0] = a;
      target[1] = b;
      target[2] = c;
      target[3] = d;
    }
    for (; size >= kWord; size -= kWord, in += kWord, out += kWord) {
      *reinterpret_cast<Word*>(out) = *reinterpret_cast<const Word*>(in);
    }
  }
  for (; size > 0; --size) *out++ = *in++;
  return to;
}

extern "C" void* memmove(void* to, const void* from, size_t size) {
  const uintptr_t distance =
      reinterpret_cast<uintptr_t>(to) - reinterpret_cast<uintptr_t>(from);
  // Forwards is safe unless `to` begins inside [from, from + size).
  if (distance >= size) return memcpy(to, from, size);
  uint8_t* out = static_cast<uint8_t*>(to) + size;
  const uint8_t* in = static_cast<const uint8_t*>(from) + size;
  if (BothAligned(out, in)) {
    for (; size >= kWord; size -= kWord) {
      in -= kWord;
      out -= kWord;
      *reinterpret_cast<Word*>(out) = *reinterpret_cast<const Word*>(in);
    }
  }
  for (; size > 0; --size) *--out = *--in;
  return to;
}

extern "C" void* memset(void* to, int value, size_t size) {
  uint8_t* out = static_cast<uint8_t*>(to);
  const uint8_t byte = static_cast<uint8_t>(value);
  if (BothAligned(out, out)) {
    const Word word = byte * 0x01010101u;
    for (; size >= kWord; size -= kWord, out += kWord) {
      *reinterpret_cast<Word*>(out) = word;
    }
  }
  for (; size > 0; --size) *out++ = byte;
  return to;
}

extern "C" int memcmp(const void* a, const void* b, size_t size) {
  const uint8_t* left = static_cast<const uint8_t*>(a);
  const uint8_t* right = static_cast<const uint8_t*>(b);
  for (; size > 0; --size, ++left, ++right) {
    if (*left != *right) return *left - *right;
  }
  return 0;
}

extern "C" size_t strlen(const char* text) {
  size_t size = 0;
  while (text[size] != '\0') ++size;
  return size;
}
