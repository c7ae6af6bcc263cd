// SPDX-License-Identifier: Apache-2.0
// Dropout whose mask is a hash of (seed, step, layer, sample, index): nothing
// is stored, and the gradient is the same call on dy.
#ifndef TFLM_TRAIN_KERNELS_DROPOUT_H_
#define TFLM_TRAIN_KERNELS_DROPOUT_H_

#include <cstdint>

namespace biotrain {

struct DropoutParams {
  double rate;   // in [0, 1); in float, 1 / (1 - rate) would round otherwise
  int layer;     // tells the dropout layers of a model apart
  bool spatial;  // one decision a channel, for all rows
  int first_sample = 0;  // x[0] is which sample of the batch
  int first_line = 0;    // x[:,0] is which line of all
  bool channels_last = false;
};

void Dropout(const DropoutParams& params,
             int32_t step,    // 0 <= step < 8,000,000
             int32_t seed,    // 0 <= seed < 8,000,000
             const float* x,  // [B,C,S], or [B,S,C] if channels_last
             int batch, int lines, int elements,
             float* y);  // as x, and may equal it

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_DROPOUT_H_
