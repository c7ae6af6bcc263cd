// SPDX-License-Identifier: Apache-2.0
// The gradient of a convolution's filter, for the planes of inputs and outputs
// that it connects.
#ifndef TFLM_TRAIN_KERNELS_GRAD_FILTER_H_
#define TFLM_TRAIN_KERNELS_GRAD_FILTER_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

struct FilterGradient {
  const float* x;  // [inputs,H,W] of the first image
  int x_image;     // floats from image to image
  int inputs;
  const float* dy;  // [outputs,OH,OW] of the first image
  int dy_image;
  int outputs;
  float* dw;  // [outputs,inputs,KH,KW]
};

void GradFilter(const ConvGeometry& geometry, const FilterGradient& gradient);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_GRAD_FILTER_H_
