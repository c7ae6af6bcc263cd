// SPDX-License-Identifier: Apache-2.0
// Normalisation in parts, for when not all that a statistic is about is at
// hand at once: moments of single lines, to be merged, and each pass on its
// own. Together they are what norm.h does in one call.
#ifndef TFLM_TRAIN_KERNELS_NORM_PARTS_H_
#define TFLM_TRAIN_KERNELS_NORM_PARTS_H_

namespace biotrain {

struct NormShape {
  int batch;
  int channels;
  int spatial;
  int width;    // neighbouring channels that share a statistic
  bool shared;  // by all samples; otherwise every sample has its own
};

// visit(line, channel, statistic) for every line of x.
template <typename Visit>
void ForEachLine(const NormShape& shape, const Visit& visit) {
  const int row = shape.shared ? 0 : shape.channels / shape.width;
  int line = 0;
  for (int b = 0; b < shape.batch; ++b) {
    for (int c = 0; c < shape.channels; ++c) {
      visit(line++, c, b * row + c / shape.width);
    }
  }
}

// Mean and biased variance of every line.
void Moments(const float* x,  // [B,C,S]
             int lines,       // B * C
             int spatial,
             float* mean,       // [B,C]
             float* variance);  // [B,C]

// Statistics are [C / width] if they are shared, else [B, C / width].

// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta
void Normalise(const NormShape& shape,
               const float* x,         // [B,C,S]
               const float* gamma,     // [C]
               const float* beta,      // [C]
               const float* mean,      // statistics
               const float* variance,  // statistics
               float epsilon,
               float* y);  // [B,C,S], may equal x

// Sums over every line of dy, and of dy times the normalised x.
void NormGradSums(const NormShape& shape,
                  const float* x,         // [B,C,S]
                  const float* mean,      // statistics
                  const float* variance,  // statistics
                  const float* dy,        // [B,C,S]
                  float epsilon,
                  float* dgamma,  // [B,C]
                  float* dbeta);  // [B,C]

// dx from the means, over all that a statistic is about, of gamma * dy and of
// gamma * dy times the normalised x.
void NormGradInput(const NormShape& shape,
                   const float* x,             // [B,C,S]
                   const float* gamma,         // [C]
                   const float* mean,          // statistics
                   const float* variance,      // statistics
                   const float* mean_dy,       // statistics
                   const float* mean_product,  // statistics
                   const float* dy,            // [B,C,S]
                   float epsilon,
                   float* dx);  // [B,C,S], may equal dy

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_NORM_PARTS_H_
