// SPDX-License-Identifier: Apache-2.0
// The gradient of a convolution's input, for the planes of inputs that share
// the planes of outputs they were used for.
#ifndef TFLM_TRAIN_KERNELS_GRAD_INPUT_H_
#define TFLM_TRAIN_KERNELS_GRAD_INPUT_H_

#include "tflm_train/kernels/fast_filters.h"
#include "tflm_train/kernels/geometry.h"

namespace biotrain {

struct InputGradient {
  const float* w;   // [outputs,inputs,KH,KW]
  const float* dy;  // [outputs,OH,OW]
  int outputs;
  float* dx;  // [inputs,H,W]
  int inputs;
};

// fast: the one filter of one input and output, packed back to front.
void GradInput(const ConvGeometry& geometry, const InputGradient& gradient,
               const FastFilters& fast);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_GRAD_INPUT_H_
