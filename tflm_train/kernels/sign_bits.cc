// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/sign_bits.h"

#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/repeat.h"

namespace biotrain {
namespace {

constexpr uint32_t kInfinity = 0x7f800000u;
constexpr uint32_t kSix = 0x40c00000u;

// Whether y is positive and its bits are at most those of `last`: as integers,
// whose comparisons are cheaper; negative numbers and NaNs are beyond.
inline uint32_t IsInside(float y, uint32_t last) {
  return static_cast<uint32_t>(BitsOf(y)) - 1u < last ? 1u : 0u;
}

void BitsUpTo(uint32_t last, const float* y, int rows, int columns,
              uint8_t* bits) {
  for (int row = 0; row < rows; ++row) {
    int left = columns;
    for (; left >= 8; left -= 8, y += 8) {
      uint32_t byte = 0;
      Repeat<8>([&](auto i)
                    BIOTRAIN_INLINE { byte |= IsInside(y[i], last) << i; });
      *bits++ = static_cast<uint8_t>(byte);
    }
    if (left == 0) continue;
    uint32_t byte = 0;
    for (int i = 0; i < left; ++i) byte |= IsInside(*y++, last) << i;
    *bits++ = static_cast<uint8_t>(byte);
  }
}

// dx = slope(dy, bit)
template <typename Slope>
[[gnu::always_inline]] inline void GradOfBits(const uint8_t* bits,
                                              const float* dy, int rows,
                                              int columns, const Slope& slope,
                                              float* dx) {
  for (int row = 0; row < rows; ++row) {
    int left = columns;
    for (; left >= 8; left -= 8, dy += 8, dx += 8) {
      const uint32_t byte = *bits++;
      Repeat<8>([&](auto i) BIOTRAIN_INLINE {
        dx[i] = slope(dy[i], (byte >> i) & 1u);
      });
    }
    if (left == 0) continue;
    const uint32_t byte = *bits++;
    for (int i = 0; i < left; ++i) *dx++ = slope(*dy++, (byte >> i) & 1u);
  }
}

}  // namespace

void ReluBits(const float* y, int rows, int columns, uint8_t* bits) {
  BitsUpTo(kInfinity, y, rows, columns, bits);
}

void Relu6Bits(const float* y, int rows, int columns, uint8_t* bits) {
  BitsUpTo(kSix - 1u, y, rows, columns, bits);
}

void ReluGradOfBits(const uint8_t* bits, const float* dy, int rows, int columns,
                    float* dx) {
  const auto slope = [](float value, uint32_t bit) BIOTRAIN_INLINE {
    // All ones or zero.
    return FloatOf(BitsOf(value) & -static_cast<int32_t>(bit));
  };
  GradOfBits(bits, dy, rows, columns, slope, dx);
}

void LeakyReluGradOfBits(const uint8_t* bits, const float* dy, int rows,
                         int columns, float alpha, float* dx) {
  const auto slope = [alpha](float value, uint32_t bit) BIOTRAIN_INLINE {
    return bit != 0 ? value : alpha * value;
  };
  GradOfBits(bits, dy, rows, columns, slope, dx);
}

}  // namespace biotrain
