// SPDX-License-Identifier: Apache-2.0
// Ops whose output shape says it all. The flatbuffer states every shape, so
// inputs that repeat it (new_shape, axes, dims) are not read.
#include <cstring>

#include "tflm_train/kernels/data_movement.h"
#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/ops/strides.h"

namespace biotrain {
namespace ops {
// RESHAPE, EXPAND_DIMS and SQUEEZE.
void Reshape(OpContext& op) {
  const Tensor x = op.Input(0);
  const Tensor y = op.Output(0, x.type);
  op.ExpectShape(x.elements == y.elements, "elements", x.elements, y.elements);
  op.CountWork(x.elements);
  if (!op.Ready()) return;
  if (x.data != y.data) std::memmove(y.data, x.data, x.bytes);
}

void BroadcastTo(OpContext& op) {
  const Tensor x = op.Input(0);
  const Tensor y = op.Output(0, x.type);
  const StridedLoop loop = MakeBroadcast(op, y, {&x});
  op.CountWork(int64_t{8} * y.elements);
  if (!op.Ready()) return;
  CopyStrided(loop, ElementBytes(x), x.data, y.data);
}

void Fill(OpContext& op) {
  const Tensor value = op.Input(1);
  const Tensor y = op.Output(0, value.type);
  op.ExpectShape(value.elements == 1, "value", 1, value.elements);
  op.CountWork(y.elements);
  if (!op.Ready()) return;
  biotrain::Fill(ElementBytes(y), value.data, y.elements, y.data);
}

void ZerosLike(OpContext& op) {
  const Tensor x = op.Input(0);
  const Tensor y = op.Output(0, x.type);
  op.ExpectSameShape(x, y, "output");
  op.CountWork(y.elements);
  if (!op.Ready()) return;
  std::memset(y.data, 0, y.bytes);
}

}  // namespace ops
}  // namespace biotrain
