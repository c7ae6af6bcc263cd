// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/data_movement.h"

#include <cstring>

namespace biotrain {
namespace {

// Four bytes of any type: the compiler must not conclude that they are no
// floats.
typedef uint32_t __attribute__((may_alias)) Word;

template <typename T>
void Copy(const StridedLoop& loop, const T* x, T* y) {
  const int n = loop.dims[loop.rank - 1];
  const int y_step = loop.strides[0][loop.rank - 1];
  const int x_step = loop.strides[1][loop.rank - 1];
  loop.ForEachRow([=](const int* offsets) {
    T* const to = y + offsets[0];
    const T* const from = x + offsets[1];
    if (y_step == 1 && x_step == 1) {
      for (int i = 0; i < n; ++i) to[i] = from[i];
    } else {
      for (int i = 0; i < n; ++i) to[i * y_step] = from[i * x_step];
    }
  });
}

#if defined(__arm__) && !defined(__ARM_FEATURE_MVE)
constexpr int kWordsAtOnce = 8;

// Returns how many bytes it has moved.
int CopyWords(const Word* from, int words, Word* to) {
  const int turns = words / kWordsAtOnce;
  for (int left = turns; left > 0; --left) {
    asm volatile(
        "ldmia %[from]!, {r0, r1, r2, r3, r4, r5, r6, r8}\n\t"
        "stmia %[to]!, {r0, r1, r2, r3, r4, r5, r6, r8}\n\t"
        : [from] "+r"(from), [to] "+r"(to)
        :
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "memory");
  }
  return turns * kWordsAtOnce * static_cast<int>(sizeof(Word));
}
#else
int CopyWords(const Word*, int, Word*) { return 0; }
#endif

}  // namespace

void CopyBytes(const void* x, int bytes, void* y) {
  const char* from = static_cast<const char*>(x);
  char* to = static_cast<char*>(y);
  const uintptr_t places =
      reinterpret_cast<uintptr_t>(from) | reinterpret_cast<uintptr_t>(to);
  const int done = places % sizeof(Word) != 0
                       ? 0
                       : CopyWords(static_cast<const Word*>(x),
                                   bytes / static_cast<int>(sizeof(Word)),
                                   static_cast<Word*>(y));
  std::memcpy(to + done, from + done, bytes - done);
}

void CopyStrided(const StridedLoop& loop, int element_bytes, const void* x,
                 void* y) {
  if (element_bytes == 4) {
    Copy(loop, static_cast<const Word*>(x), static_cast<Word*>(y));
  } else {
    Copy(loop, static_cast<const uint8_t*>(x), static_cast<uint8_t*>(y));
  }
}

void Fill(int element_bytes, const void* value, int n, void* y) {
  if (element_bytes == 4) {
    const Word word = *static_cast<const Word*>(value);
    Word* const to = static_cast<Word*>(y);
    for (int i = 0; i < n; ++i) to[i] = word;
  } else {
    std::memset(y, *static_cast<const uint8_t*>(value), n);
  }
}

void Gather(const void* x, const int32_t* indices, int outer, int axis,
            int count, int inner, int element_bytes, void* y) {
  const int bytes = inner * element_bytes;
  const uint8_t* from = static_cast<const uint8_t*>(x);
  uint8_t* to = static_cast<uint8_t*>(y);
  for (int o = 0; o < outer; ++o, from += axis * bytes) {
    for (int i = 0; i < count; ++i, to += bytes) {
      std::memcpy(to, from + indices[i] * bytes, bytes);
    }
  }
}

}  // namespace biotrain
