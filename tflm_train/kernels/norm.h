// SPDX-License-Identifier: Apache-2.0
// Batch and group normalisation with live statistics, beside their gradients
// through those statistics. Variances are biased (divided by the count).
#ifndef TFLM_TRAIN_KERNELS_NORM_H_
#define TFLM_TRAIN_KERNELS_NORM_H_

namespace biotrain {

void BatchNorm(const float* x,      // [B,C,S]
               const float* gamma,  // [C]
               const float* beta,   // [C]
               int batch, int channels, int spatial, float epsilon,
               float* y,          // [B,C,S], may equal x
               float* mean,       // [C]
               float* variance);  // [C]

void BatchNormGrad(const float* x,         // [B,C,S]
                   const float* gamma,     // [C]
                   const float* mean,      // [C]
                   const float* variance,  // [C]
                   const float* dy,        // [B,C,S]
                   int batch, int channels, int spatial, float epsilon,
                   float* dx,      // [B,C,S], may equal dy
                   float* dgamma,  // [C]
                   float* dbeta);  // [C]

// Every group of channels / groups neighbouring channels of a sample has its
// own statistics.
void GroupNorm(const float* x,      // [B,C,S]
               const float* gamma,  // [C]
               const float* beta,   // [C]
               int batch, int channels, int spatial, int groups, float epsilon,
               float* y,          // [B,C,S], may equal x
               float* mean,       // [B,G]
               float* variance);  // [B,G]

void GroupNormGrad(const float* x,         // [B,C,S]
                   const float* gamma,     // [C]
                   const float* mean,      // [B,G]
                   const float* variance,  // [B,G]
                   const float* dy,        // [B,C,S]
                   int batch, int channels, int spatial, int groups,
                   float epsilon,
                   float* dx,      // [B,C,S], may equal dy
                   float* dgamma,  // [C]
                   float* dbeta);  // [C]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_NORM_H_
