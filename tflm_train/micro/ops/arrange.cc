// SPDX-License-Identifier: Apache-2.0
// Putting tensors in another order, next to one another or into a larger one.
#include "tflm_train/kernels/data_movement.h"
#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/ops/strides.h"
#include "tflm_train/micro/ops/window.h"
#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace ops {
namespace {

constexpr int64_t kWorkPerElement = 8;

// x into y from element `start` on; the loop walks x.
void CopyTo(const Tensor& x, StridedLoop loop, int start, const Tensor& y) {
  loop.Collapse();
  CopyStrided(loop, ElementBytes(x), x.data, y.data + start * ElementBytes(y));
}

int32_t Product(const int32_t* dims, int begin, int end) {
  int32_t product = 1;
  for (int d = begin; d < end; ++d) product *= dims[d];
  return product;
}

}  // namespace

void Transpose(OpContext& op) {
  const Tensor x = op.Input(0);
  const Tensor y = op.Output(0, x.type);
  int32_t order[kMaxRank];
  const int count = op.ConstantInts(1, kMaxRank, order);
  op.ExpectShape(count == x.rank && y.rank == x.rank, "permutation", x.rank,
                 count);
  if (!op.ok()) return;
  StridedLoop loop = LoopOver(y, 0);
  int x_strides[kMaxRank];
  RowMajorStrides(x, x_strides);
  bool seen[kMaxRank] = {};
  for (int d = 0; d < x.rank; ++d) {
    const int from = CheckAxis(op, order[d], x.rank);
    op.ExpectShape(!seen[from], "permutation", d, order[d]);
    op.ExpectShape(y.dims[d] == x.dims[from], "output", x.dims[from],
                   y.dims[d]);
    seen[from] = true;
    loop.strides[1][d] = x_strides[from];
  }
  op.CountWork(kWorkPerElement * x.elements);
  if (!op.Ready()) return;
  loop.Collapse();
  CopyStrided(loop, ElementBytes(x), x.data, y.data);
}

// PAD, and PADV2 whose third input is the value.
void Pad(OpContext& op) {
  const Tensor x = op.Input(0);
  const Tensor y = op.Output(0, x.type);
  int32_t paddings[2 * kMaxRank];
  const int count = op.ConstantInts(1, 2 * kMaxRank, paddings);
  op.ExpectShape(count == 2 * x.rank && y.rank == x.rank, "paddings",
                 2 * x.rank, count);
  Tensor value;
  if (op.HasInput(2)) {
    value = op.Input(2, x.type);
    op.ExpectShape(value.elements == 1, "value", 1, value.elements);
  }
  if (!op.ok()) return;
  StridedLoop loop = LoopOver(x, 1);
  RowMajorStrides(y, loop.strides[0]);
  int start = 0;
  for (int d = 0; d < x.rank; ++d) {
    const int32_t before = paddings[2 * d];
    const int32_t after = paddings[2 * d + 1];
    const int64_t wanted = int64_t{before} + x.dims[d] + after;
    op.ExpectShape(before >= 0 && after >= 0 && y.dims[d] == wanted, "output",
                   wanted, y.dims[d]);
    if (!op.ok()) return;
    start += before * loop.strides[0][d];
  }
  op.CountWork(kWorkPerElement * x.elements + y.elements);
  if (!op.Ready()) return;
  const int32_t zero = 0;
  biotrain::Fill(ElementBytes(y),
                 value.data != nullptr
                     ? value.data
                     : reinterpret_cast<const uint8_t*>(&zero),
                 y.elements, y.data);
  CopyTo(x, loop, start, y);
}

void Concatenation(OpContext& op) {
  const Tensor y = op.Output(0);
  const int axis = CheckAxis(
      op, op.options().Number<int32_t>(schema::concatenation::kAxis), y.rank);
  const Activation activation =
      ActivationOption(op, schema::concatenation::kActivation);
  op.Expect(activation == Activation::kNone, StatusCode::kUnsupportedOp,
            "fused_activation");
  op.CountWork(kWorkPerElement * y.elements);
  int64_t filled = 0;  // along the axis
  for (int i = 0; i < op.inputs() && op.ok(); ++i) {
    const Tensor x = op.Input(i, y.type);
    op.ExpectShape(x.rank == y.rank, "input_rank", y.rank, x.rank);
    for (int d = 0; d < y.rank; ++d) {
      op.ExpectShape(d == axis || x.dims[d] == y.dims[d], "input", y.dims[d],
                     x.dims[d]);
    }
    op.ExpectShape(filled + x.dims[axis] <= y.dims[axis], "output",
                   filled + x.dims[axis], y.dims[axis]);
    if (op.Ready()) {
      StridedLoop loop = LoopOver(x, 1);
      RowMajorStrides(y, loop.strides[0]);
      CopyTo(x, loop, static_cast<int>(filled) * loop.strides[0][axis], y);
    }
    filled += x.dims[axis];
  }
  op.ExpectShape(filled == y.dims[axis], "output", filled, y.dims[axis]);
}

void Pack(OpContext& op) {
  const Tensor y = op.Output(0);
  const int axis =
      CheckAxis(op, op.options().Number<int32_t>(schema::pack::kAxis), y.rank);
  if (!op.ok()) return;
  op.ExpectShape(y.dims[axis] == op.inputs(), "output", op.inputs(),
                 y.dims[axis]);
  op.CountWork(kWorkPerElement * y.elements);
  const int32_t inner = Product(y.dims, axis + 1, y.rank);
  const int32_t outer = Product(y.dims, 0, axis);
  for (int i = 0; i < op.inputs() && op.ok(); ++i) {
    const Tensor x = op.Input(i, y.type);
    op.ExpectShape(x.rank == y.rank - 1, "input_rank", y.rank - 1, x.rank);
    for (int d = 0; d < x.rank && op.ok(); ++d) {
      const int32_t wanted = y.dims[d < axis ? d : d + 1];
      op.ExpectShape(x.dims[d] == wanted, "input", wanted, x.dims[d]);
    }
    if (!op.Ready()) continue;
    StridedLoop loop;
    loop.rank = 2;
    loop.dims[0] = outer;
    loop.dims[1] = inner;
    loop.strides[0][0] = inner * op.inputs();
    loop.strides[1][0] = inner;
    loop.strides[0][1] = loop.strides[1][1] = 1;
    CopyTo(x, loop, i * inner, y);
  }
}

void Gather(OpContext& op) {
  const Tensor x = op.Input(0);
  const Tensor indices = op.Input(1, TensorType::kInt32);
  const Tensor y = op.Output(0, x.type);
  const int axis = CheckAxis(
      op, op.options().Number<int32_t>(schema::gather::kAxis), x.rank);
  const auto batch_dims =
      op.options().Number<int32_t>(schema::gather::kBatchDims);
  op.Expect(batch_dims == 0, StatusCode::kUnsupportedOp, "batch_dims", 0,
            batch_dims);
  op.ExpectShape(x.rank >= 1 && y.rank == x.rank - 1 + indices.rank,
                 "output_rank", x.rank - 1 + indices.rank, y.rank);
  for (int d = 0; d < y.rank && op.ok(); ++d) {
    const int after = d - indices.rank + 1;  // the dim of x if past the axis
    const int32_t wanted = d < axis                  ? x.dims[d]
                           : d < axis + indices.rank ? indices.dims[d - axis]
                                                     : x.dims[after];
    op.ExpectShape(y.dims[d] == wanted, "output", wanted, y.dims[d]);
  }
  // An index out of range may be met when the op runs; by then no variable
  // may have been written.
  op.Expect(indices.is_constant() || !op.MayCommit(), StatusCode::kNoPlan,
            "gather_after_commit", op.commit_op(), op.op_index());
  op.CountWork(kWorkPerElement * y.elements + 16 * int64_t{indices.elements});
  if (!op.ok()) return;
  if (op.Ready() || indices.is_constant()) {
    const int32_t size = x.dims[axis];
    for (int i = 0; i < indices.elements; ++i) {
      const int32_t index = indices.ints()[i];
      op.Expect(index >= 0 && index < size, StatusCode::kLabelOutOfRange,
                "index", size, index);
    }
  }
  if (!op.Ready()) return;
  biotrain::Gather(x.data, indices.ints(), Product(x.dims, 0, axis),
                   x.dims[axis], indices.elements,
                   Product(x.dims, axis + 1, x.rank), ElementBytes(x), y.data);
}

}  // namespace ops
}  // namespace biotrain
