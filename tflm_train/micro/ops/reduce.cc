// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/reduce.h"

#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/ops/strides.h"
#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace ops {
namespace {

constexpr int64_t kWorkPerElement = 24;
constexpr int64_t kWorkPerOutput = 64;

}  // namespace

void Reduce(OpContext& op) {
  const Tensor x = op.Input(0, TensorType::kFloat32);
  const Tensor y = op.Output(0, TensorType::kFloat32);
  int32_t axes[kMaxRank];
  const int count = op.ConstantInts(1, kMaxRank, axes);
  bool reduced[kMaxRank] = {};
  for (int i = 0; i < count && op.ok(); ++i) {
    reduced[CheckAxis(op, axes[i], x.rank)] = true;
  }
  if (!op.ok()) return;
  const bool keep_dims = op.options().Bool(schema::reducer::kKeepDims);
  int rank = 0;
  for (int d = 0; d < x.rank; ++d) {
    if (reduced[d] && !keep_dims) continue;
    const int32_t wanted = reduced[d] ? 1 : x.dims[d];
    op.ExpectShape(rank < y.rank && y.dims[rank] == wanted, "output", wanted,
                   y.dims[rank]);
    ++rank;
  }
  op.ExpectShape(y.rank == rank, "output_rank", rank, y.rank);
  op.CountWork(kWorkPerElement * x.elements + kWorkPerOutput * y.elements);
  if (!op.Ready()) return;
  const auto geometry = ReduceGeometry::Make(x.rank, x.dims, reduced);
  biotrain::Reduce(op.variant<ReduceOp>(), geometry, x.floats(), y.floats());
}

}  // namespace ops
}  // namespace biotrain
