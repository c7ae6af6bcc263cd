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

}  // namespace

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
