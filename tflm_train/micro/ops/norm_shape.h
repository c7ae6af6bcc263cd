// SPDX-License-Identifier: Apache-2.0
// Which statistic is whose, of a normalisation in parts.
#ifndef TFLM_TRAIN_MICRO_OPS_NORM_SHAPE_H_
#define TFLM_TRAIN_MICRO_OPS_NORM_SHAPE_H_

#include "tflm_train/kernels/norm_parts.h"
#include "tflm_train/micro/op_context.h"

namespace biotrain {
namespace ops {

// x [B,C,...]; statistics are [C] for all samples, or [B,G].
inline NormShape ShapeOfNorm(OpContext& op, const Tensor& x, const Tensor& mean,
                             int64_t work_per_element) {
  op.ExpectShape(x.rank >= 2, "input_rank", 2, x.rank);
  op.ExpectShape(mean.rank == 1 || mean.rank == 2, "mean_rank", 2, mean.rank);
  if (!op.ok()) return {};
  const int channels = x.dims[1];
  const bool shared = mean.rank == 1;
  const int groups = mean.last_dim();
  op.ExpectShape(channels % groups == 0, "groups", channels, groups);
  op.ExpectShape(shared || mean.dims[0] == x.dims[0], "mean", x.dims[0],
                 mean.dims[0]);
  op.CountWork(work_per_element * x.elements);
  return {x.dims[0], channels, x.elements / x.dims[0] / channels,
          channels / groups, shared};
}

// [B,C]
inline void ExpectOneALine(OpContext& op, const NormShape& shape,
                           const Tensor& y) {
  op.ExpectShape(
      y.rank == 2 && y.dims[0] == shape.batch && y.dims[1] == shape.channels,
      "lines", int64_t{shape.batch} * shape.channels, y.elements);
}

}  // namespace ops
}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_OPS_NORM_SHAPE_H_
