// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/ops/strides.h"

namespace biotrain {
namespace ops {

void RowMajorStrides(const Tensor& tensor, int* strides) {
  int stride = 1;
  for (int d = tensor.rank - 1; d >= 0; --d) {
    strides[d] = stride;
    stride *= tensor.dims[d];
  }
}

Tensor WithoutLastDims(const Tensor& tensor, int count) {
  Tensor outer = tensor;
  outer.rank = tensor.rank > count ? tensor.rank - count : 0;
  outer.elements = 1;
  for (int d = 0; d < outer.rank; ++d) outer.elements *= outer.dims[d];
  return outer;
}

StridedLoop MakeBroadcast(OpContext& op, const Tensor& y,
                          std::initializer_list<const Tensor*> inputs) {
  StridedLoop loop = LoopOver(y, 0);
  loop.operands = 1 + static_cast<int>(inputs.size());
  bool covered[kMaxRank] = {};  // some input has the whole dim
  int operand = 1;
  for (const Tensor* input : inputs) {
    int strides[kMaxRank];
    RowMajorStrides(*input, strides);
    const int missing = y.rank - input->rank;
    op.ExpectShape(missing >= 0, "broadcast_rank", y.rank, input->rank);
    for (int d = 0; d < input->rank && op.ok(); ++d) {
      const int32_t wanted = y.dims[d + missing];
      const bool whole = input->dims[d] == wanted;
      op.ExpectShape(whole || input->dims[d] == 1, "broadcast", wanted,
                     input->dims[d]);
      loop.strides[operand][d + missing] = whole ? strides[d] : 0;
      covered[d + missing] |= whole;
    }
    ++operand;
  }
  for (int d = 0; d < y.rank && inputs.size() > 1; ++d) {
    op.ExpectShape(covered[d] || y.dims[d] == 1, "broadcast_output", 1,
                   y.dims[d]);
  }
  loop.Collapse();
  return loop;
}

StridedLoop LoopOver(const Tensor& tensor, int operand) {
  StridedLoop loop;
  loop.rank = tensor.rank;
  for (int d = 0; d < tensor.rank; ++d) loop.dims[d] = tensor.dims[d];
  RowMajorStrides(tensor, loop.strides[operand]);
  return loop;
}

int CheckAxis(OpContext& op, int32_t axis, int rank) {
  const bool inside = axis >= -rank && axis < rank;
  op.Expect(inside, StatusCode::kBadShape, "axis", rank, axis);
  if (!inside) return 0;
  return axis < 0 ? axis + rank : axis;
}

}  // namespace ops
}  // namespace biotrain
