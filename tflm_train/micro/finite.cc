// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/finite.h"

#include <cstdint>
#include <cstring>

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/repeat.h"

namespace biotrain {
namespace {

// Infinities and NaNs times zero are NaNs, which no sum loses.
bool AllFinite(const float* values, size_t elements) {
  float probe = 0.0f;
  ForEachElement(static_cast<int>(elements), [&](int i) BIOTRAIN_INLINE {
    probe = Fma(values[i], 0.0f, probe);
  });
  return probe == 0.0f;
}

}  // namespace

Status CheckFinite(const void* values, size_t elements, const char* what) {
  if (reinterpret_cast<uintptr_t>(values) % alignof(float) == 0 &&
      AllFinite(static_cast<const float*>(values), elements)) {
    return {};
  }
  // All ones in NaN and infinity; floats would be compared by more
  // instructions.
  constexpr uint32_t kExponent = 0x7f800000;
  const uint8_t* bytes = static_cast<const uint8_t*>(values);
  for (size_t i = 0; i < elements; ++i) {
    uint32_t bits;
    std::memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
    if ((kExponent & ~bits) == 0) {
      return Error(StatusCode::kInputNotFinite, what, 0,
                   static_cast<int64_t>(i));
    }
  }
  return {};
}

}  // namespace biotrain
