// SPDX-License-Identifier: Apache-2.0
// Variables live in the arena where the plan says. A read or an assignment
// whose other end has the same place costs nothing.
#include <cstring>

#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace ops {
namespace {

// The variable of input 0, once it is known that `bytes` of it are variable
// memory.
Tensor Variable(OpContext& op, int32_t bytes) {
  const Tensor variable = op.Input(0, TensorType::kResource);
  op.Expect(variable.is_in_arena(), StatusCode::kNoPlan, "variable", 0,
            variable.offset);
  op.Expect(int64_t{variable.offset} + bytes <= op.variable_bytes(),
            StatusCode::kNoPlan, "variable_bytes", op.variable_bytes(),
            int64_t{variable.offset} + bytes);
  if (!op.ok()) return variable;
  op.Expect(op.arena().Holds(variable.offset, variable.offset + bytes),
            StatusCode::kNoPlan, "region_of_variable", variable.offset,
            variable.offset + bytes);
  return variable;
}

void Copy(const Tensor& from, const Tensor& to, int32_t bytes) {
  if (from.data != to.data) std::memmove(to.data, from.data, bytes);
}

}  // namespace

// Trainer runs the subgraph that initialises the variables, in Create.
void CallOnce(OpContext& op) {
  const auto init =
      op.options().Number<int32_t>(schema::call_once::kInitSubgraphIndex);
  op.Expect(init >= 0 && init < op.subgraph_count(), StatusCode::kBadModel,
            "init_subgraph", op.subgraph_count(), init);
}

void VarHandle(OpContext& op) { op.Output(0, TensorType::kResource); }

void ReadVariable(OpContext& op) {
  const Tensor y = op.Output(0);
  const Tensor variable = Variable(op, y.bytes);
  op.CountWork(y.elements);
  if (!op.Ready()) return;
  Copy(variable, y, y.bytes);
}

void AssignVariable(OpContext& op) {
  const Tensor x = op.Input(1);
  const Tensor variable = Variable(op, x.bytes);
  // The memory check of other ops looks at outputs only.
  op.Expect(op.MayWrite(variable) || variable.offset == x.offset,
            StatusCode::kNoPlan, "write_before_commit", op.commit_op(),
            op.op_index());
  op.CountWork(x.elements);
  if (!op.Ready()) return;
  Copy(x, variable, x.bytes);
}

}  // namespace ops
}  // namespace biotrain
