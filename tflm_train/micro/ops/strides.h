// SPDX-License-Identifier: Apache-2.0
// Loops over tensors: strides of a shape, and shapes that broadcast.
#ifndef TFLM_TRAIN_MICRO_OPS_STRIDES_H_
#define TFLM_TRAIN_MICRO_OPS_STRIDES_H_

#include <initializer_list>

#include "tflm_train/kernels/strided_loop.h"
#include "tflm_train/micro/op_context.h"

namespace biotrain {
namespace ops {

// Row-major strides of the tensor, one for each of its dims.
void RowMajorStrides(const Tensor& tensor, int* strides);

// The tensor's outer dims; one element if there are none.
Tensor WithoutLastDims(const Tensor& tensor, int count);

// Complains unless the inputs broadcast to exactly the shape of y. Operand 0
// of the loop is y. With a single input, y may also have larger dims than all
// inputs, as BROADCAST_TO needs. Not to be run after a complaint.
StridedLoop MakeBroadcast(OpContext& op, const Tensor& y,
                          std::initializer_list<const Tensor*> inputs);

// A loop over the dims of a tensor that is operand `operand`, with its
// row-major strides; those of the other operand are the caller's to fill in.
StridedLoop LoopOver(const Tensor& tensor, int operand);

// An axis counted from the front; complains if it is out of range.
int CheckAxis(OpContext& op, int32_t axis, int rank);

inline int ElementBytes(const Tensor& tensor) {
  return tensor.type == TensorType::kBool ? 1 : 4;
}

}  // namespace ops
}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_OPS_STRIDES_H_
