// SPDX-License-Identifier: Apache-2.0
// Options of convolutions and poolings, checked against the shapes they claim.
#ifndef TFLM_TRAIN_MICRO_OPS_WINDOW_H_
#define TFLM_TRAIN_MICRO_OPS_WINDOW_H_

#include "tflm_train/kernels/geometry.h"
#include "tflm_train/micro/op_context.h"

namespace biotrain {
namespace ops {

struct WindowOptions {
  Padding padding = Padding::kValid;
  int32_t stride_h = 1;
  int32_t stride_w = 1;
  int32_t dilation_h = 1;
  int32_t dilation_w = 1;
};

// Of a builtin op, whose options have it as the schema's number.
Activation ActivationOption(OpContext& op, int field);
// Of a custom op, which has the number's name.
Activation CustomActivation(OpContext& op);

// stride_h, stride_w, dilation_h, dilation_w and padding of a custom op.
WindowOptions CustomConvOptions(OpContext& op);
// stride_h, stride_w and padding.
WindowOptions CustomPoolOptions(OpContext& op);

// Complains unless sliding a filter of filter_h x filter_w over x [B,C,H,W]
// gives the height and width of y. Batch and channels are taken from
// the tensors; that they fit together is the caller's to check. All numbers of
// a geometry that was not complained about are positive and their sums and
// products along an axis fit an int.
ConvGeometry MakeConvGeometry(OpContext& op, const WindowOptions& options,
                              const Tensor& x, int32_t filter_h,
                              int32_t filter_w, const Tensor& y);
PoolGeometry MakePoolGeometry(OpContext& op, const WindowOptions& options,
                              const Tensor& x, int32_t filter_h,
                              int32_t filter_w, const Tensor& y);

}  // namespace ops
}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_OPS_WINDOW_H_
