// SPDX-License-Identifier: Apache-2.0
// Softmax and its logarithm along the last axis. y may equal x.
#ifndef TFLM_TRAIN_KERNELS_SOFTMAX_H_
#define TFLM_TRAIN_KERNELS_SOFTMAX_H_

namespace biotrain {

void Softmax(const float* x,  // [rows,n]
             int rows, int n,
             float beta,  // scales x
             float* y);   // [rows,n]

void LogSoftmax(const float* x,  // [rows,n]
                int rows, int n,
                float* y);  // [rows,n]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_SOFTMAX_H_
