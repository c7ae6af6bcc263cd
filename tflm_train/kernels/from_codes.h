// SPDX-License-Identifier: Apache-2.0
// Codes of a converter as floats, which is exact, or as what they stand for.
#ifndef TFLM_TRAIN_KERNELS_FROM_CODES_H_
#define TFLM_TRAIN_KERNELS_FROM_CODES_H_

#include <cstdint>

namespace biotrain {

// to[i] = line[first + i] for i < count, zero outside [0, width).
void FloatsOfCodes(const int16_t* line, int width, int first, int count,
                   float* to);

// y = scale x
void Dequantise(const int16_t* x, int n, float scale, float* y);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_FROM_CODES_H_
