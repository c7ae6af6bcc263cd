// SPDX-License-Identifier: Apache-2.0
// What the gradients of ReLU, ReLU6 and leaky ReLU ask of an element, in one
// bit: whether it lies where the slope is one. A row has whole bytes, the first
// element of a byte in its lowest bit; bits behind the last element are zero,
// and nobody reads them.
#ifndef TFLM_TRAIN_KERNELS_SIGN_BITS_H_
#define TFLM_TRAIN_KERNELS_SIGN_BITS_H_

#include <cstdint>

namespace biotrain {

// Bytes of a row of bits.
constexpr int BitsInRow(int columns) {
  return columns / 8 + (columns % 8 != 0 ? 1 : 0);
}

// y > 0. Of a leaky ReLU its input.
void ReluBits(const float* y,  // [rows,columns]
              int rows, int columns,
              uint8_t* bits);  // [rows,BitsInRow]

// 0 < y < 6.
void Relu6Bits(const float* y,  // [rows,columns]
               int rows, int columns,
               uint8_t* bits);  // [rows,BitsInRow]

// The bits of ReluGrad and Relu6Grad of the y that was asked. dx may be dy.
void ReluGradOfBits(const uint8_t* bits,  // [rows,BitsInRow]
                    const float* dy,      // [rows,columns]
                    int rows, int columns,
                    float* dx);  // [rows,columns]

// The bits of LeakyReluGrad. dx may be dy.
void LeakyReluGradOfBits(const uint8_t* bits,  // [rows,BitsInRow]
                         const float* dy,      // [rows,columns]
                         int rows, int columns, float alpha,
                         float* dx);  // [rows,columns]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_SIGN_BITS_H_
