// SPDX-License-Identifier: Apache-2.0
// Taking a part of a tensor: a strided copy that starts inside the input.
#include "tflm_train/kernels/data_movement.h"
#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/ops/strides.h"
#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace ops {
namespace {

constexpr int64_t kWorkPerElement = 8;

// y = x from element `start` on, walked with the loop's strides.
void CopyFrom(const Tensor& x, int start, StridedLoop loop, const Tensor& y) {
  loop.Collapse();
  CopyStrided(loop, ElementBytes(x), x.data + start * ElementBytes(x), y.data);
}

int32_t Clamp(int32_t value, int32_t low, int32_t high) {
  return value < low ? low : value > high ? high : value;
}

// begin:end:stride along a dim of x, resolved.
struct DimSlice {
  int32_t first = 0;
  int32_t count = 0;
  int32_t stride = 1;
};

DimSlice Resolve(int32_t dim, int32_t begin, int32_t end, int32_t stride,
                 bool no_begin, bool no_end) {
  const bool forward = stride > 0;
  // The positions one may start from or stop at.
  const int32_t low = forward ? 0 : -1;
  const int32_t high = forward ? dim : dim - 1;
  if (begin < 0) begin += dim;
  if (end < 0) end += dim;
  const int32_t first =
      no_begin ? (forward ? low : high) : Clamp(begin, low, high);
  const int32_t last = no_end ? (forward ? high : low) : Clamp(end, low, high);
  const int64_t span = forward ? int64_t{last} - first : int64_t{first} - last;
  const int64_t step = forward ? stride : -int64_t{stride};
  return {first, span <= 0 ? 0 : static_cast<int32_t>((span + step - 1) / step),
          stride};
}

}  // namespace

void Slice(OpContext& op) {
  const Tensor x = op.Input(0);
  const Tensor y = op.Output(0, x.type);
  int32_t begin[kMaxRank];
  int32_t size[kMaxRank];
  const int begins = op.ConstantInts(1, kMaxRank, begin);
  const int sizes = op.ConstantInts(2, kMaxRank, size);
  op.ExpectShape(begins == x.rank, "begin", x.rank, begins);
  op.ExpectShape(sizes == x.rank, "size", x.rank, sizes);
  op.ExpectShape(y.rank == x.rank, "output_rank", x.rank, y.rank);
  if (!op.ok()) return;
  StridedLoop loop = LoopOver(y, 0);
  RowMajorStrides(x, loop.strides[1]);
  int start = 0;
  for (int d = 0; d < x.rank; ++d) {
    const int32_t left = x.dims[d] - Clamp(begin[d], 0, x.dims[d]);
    const int32_t wanted = size[d] == -1 ? left : size[d];
    op.ExpectShape(begin[d] >= 0 && wanted >= 0 && wanted <= left, "slice",
                   left, wanted);
    op.ExpectShape(y.dims[d] == wanted, "output", wanted, y.dims[d]);
    if (!op.ok()) return;
    start += begin[d] * loop.strides[1][d];
  }
  op.CountWork(kWorkPerElement * y.elements);
  if (!op.Ready()) return;
  CopyFrom(x, start, loop, y);
}

void StridedSlice(OpContext& op) {
  const Tensor x = op.Input(0);
  const Tensor y = op.Output(0, x.type);
  int32_t begin[kMaxRank];
  int32_t end[kMaxRank];
  int32_t stride[kMaxRank];
  const int count = op.ConstantInts(1, kMaxRank, begin);
  const int ends = op.ConstantInts(2, kMaxRank, end);
  const int strides = op.ConstantInts(3, kMaxRank, stride);
  op.ExpectShape(ends == count && strides == count, "end", count, ends);
  const Table options = op.options();
  const auto Mask = [&options](int field) {
    return options.Number<int32_t>(field);
  };
  const int32_t begin_mask = Mask(schema::strided_slice::kBeginMask);
  const int32_t end_mask = Mask(schema::strided_slice::kEndMask);
  const int32_t ellipsis_mask = Mask(schema::strided_slice::kEllipsisMask);
  const int32_t new_axis_mask = Mask(schema::strided_slice::kNewAxisMask);
  const int32_t shrink_mask = Mask(schema::strided_slice::kShrinkAxisMask);
  op.Expect(ellipsis_mask == 0, StatusCode::kUnsupportedOp, "ellipsis_mask");
  if (!op.ok()) return;

  StridedLoop loop = LoopOver(y, 0);
  int x_strides[kMaxRank];
  RowMajorStrides(x, x_strides);
  int start = 0;
  int d = 0;    // of x
  int out = 0;  // of y
  for (int i = 0; i < count || d < x.rank; ++i) {
    const bool given = i < count;
    const int32_t bit = given ? 1 << i : 0;
    int32_t wanted = 1;
    int step = 0;
    bool shrink = false;
    if ((new_axis_mask & bit) == 0) {
      op.ExpectShape(d < x.rank, "slices", x.rank, count);
      op.ExpectShape(!given || (stride[i] != 0 && stride[i] > INT32_MIN),
                     "stride");
      if (!op.ok()) return;
      shrink = (shrink_mask & bit) != 0;
      DimSlice slice = {0, x.dims[d], 1};
      if (given) {
        slice = Resolve(x.dims[d], begin[i], end[i], stride[i],
                        (begin_mask & bit) != 0, (end_mask & bit) != 0);
      }
      if (shrink) {
        slice.first = begin[i] < 0 ? begin[i] + x.dims[d] : begin[i];
        slice.count = 1;
        op.ExpectShape(slice.first >= 0 && slice.first < x.dims[d], "index",
                       x.dims[d], begin[i]);
      }
      op.ExpectShape(slice.count > 0, "slice", 1, slice.count);
      if (!op.ok()) return;
      start += slice.first * x_strides[d];
      wanted = slice.count;
      // A single element needs no stride, and a huge one might overflow.
      step = slice.count > 1 ? slice.stride * x_strides[d] : 0;
      ++d;
    }
    if (shrink) continue;
    op.ExpectShape(out < y.rank && y.dims[out] == wanted, "output", wanted,
                   out < y.rank ? y.dims[out] : 0);
    if (!op.ok()) return;
    loop.strides[1][out++] = step;
  }
  op.ExpectShape(out == y.rank, "output_rank", out, y.rank);
  op.CountWork(kWorkPerElement * y.elements);
  if (!op.Ready()) return;
  CopyFrom(x, start, loop, y);
}

void Split(OpContext& op) {
  const Tensor x = op.Input(1);
  const int axis = CheckAxis(op, op.ConstantInt(0), x.rank);
  if (!op.ok()) return;
  const int parts = op.outputs();
  op.ExpectShape(x.dims[axis] % parts == 0, "parts", x.dims[axis], parts);
  const int32_t size = x.dims[axis] / parts;
  int strides[kMaxRank];
  RowMajorStrides(x, strides);
  op.CountWork(kWorkPerElement * x.elements);
  for (int part = 0; part < parts && op.ok(); ++part) {
    const Tensor y = op.Output(part, x.type);
    op.ExpectShape(y.rank == x.rank, "output_rank", x.rank, y.rank);
    for (int d = 0; d < x.rank; ++d) {
      const int32_t wanted = d == axis ? size : x.dims[d];
      op.ExpectShape(y.dims[d] == wanted, "output", wanted, y.dims[d]);
    }
    if (!op.Ready()) continue;
    StridedLoop loop = LoopOver(y, 0);
    RowMajorStrides(x, loop.strides[1]);
    CopyFrom(x, part * size * strides[axis], loop, y);
  }
}

}  // namespace ops
}  // namespace biotrain
