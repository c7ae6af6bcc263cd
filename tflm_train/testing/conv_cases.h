// SPDX-License-Identifier: Apache-2.0
// Shapes of convolution tests.
#ifndef TFLM_TRAIN_TESTING_CONV_CASES_H_
#define TFLM_TRAIN_TESTING_CONV_CASES_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

struct ConvCase {
  int batch, in_h, in_w, in_c, out_c, filter_h, filter_w;
  int stride_h, stride_w, dilation_h, dilation_w;
  Padding padding;

  constexpr ConvGeometry Geometry() const {
    return {batch,
            in_h,
            in_w,
            in_c,
            OutputSize(in_h, filter_h, stride_h, dilation_h, padding),
            OutputSize(in_w, filter_w, stride_w, dilation_w, padding),
            out_c,
            filter_h,
            filter_w,
            stride_h,
            stride_w,
            dilation_h,
            dilation_w,
            PadBefore(in_h, filter_h, stride_h, dilation_h, padding),
            PadBefore(in_w, filter_w, stride_w, dilation_w, padding)};
  }
};

// Elements of the arrays of a convolution.
struct Sizes {
  int x, w, y;
  constexpr bool Fit(int capacity) const {
    return x > 0 && w > 0 && y > 0 && x <= capacity && w <= capacity &&
           y <= capacity;
  }
};

constexpr Sizes FullConvSizes(const ConvGeometry& g) {
  return {g.batch * g.in_h * g.in_w * g.in_c,
          g.filter_h * g.filter_w * g.in_c * g.out_c,
          g.batch * g.out_h * g.out_w * g.out_c};
}

constexpr Sizes DepthwiseSizes(const ConvGeometry& g) {
  return {g.batch * g.in_h * g.in_w * g.in_c, g.filter_h * g.filter_w * g.out_c,
          g.batch * g.out_h * g.out_w * g.out_c};
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_TESTING_CONV_CASES_H_
