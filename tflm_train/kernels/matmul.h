// SPDX-License-Identifier: Apache-2.0
// Matrix product; its gradients are matrix products with other flags.
#ifndef TFLM_TRAIN_KERNELS_MATMUL_H_
#define TFLM_TRAIN_KERNELS_MATMUL_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

void MatMul(const float* a,  // [m,k], or [k,m] if adj_x
            bool adj_x,
            const float* b,  // [k,n], or [n,k] if adj_y
            bool adj_y, int m, int k, int n,
            const float* bias,  // [n] or nullptr
            Activation activation,
            float* c);  // [m,n]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_MATMUL_H_
