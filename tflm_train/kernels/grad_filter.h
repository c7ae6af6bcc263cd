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
  // Every input has `outputs` of its own, as in a depthwise convolution:
  // dy is [inputs * outputs,OH,OW] and dw [inputs * outputs,1,KH,KW].
  bool apart = false;

  // What is of one of them.
  constexpr FilterGradient Only(int input, const ConvGeometry& g) const {
    const int first = input * outputs;
    return {x + input * g.in_h * g.in_w,         x_image,  1,
            dy + first * g.out_h * g.out_w,      dy_image, outputs,
            dw + first * g.filter_h * g.filter_w};
  }
};

void GradFilter(const ConvGeometry& geometry, const FilterGradient& gradient);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_GRAD_FILTER_H_
