// SPDX-License-Identifier: Apache-2.0
// Runs a subgraph once for every slice of some of its tensors: the samples of
// a batch, or groups of channels of a sample.
#include "tflm_train/micro/interpreter.h"
#include "tflm_train/micro/ops/ops.h"

namespace biotrain {
namespace ops {
namespace {

constexpr int32_t kMaxCount = 1 << 20;

// The body in the loop's first iteration.
Subgraph Body(OpContext& op, int32_t index, int32_t count) {
  Subgraph body;
  const Subgraph& outer = op.subgraph();
  op.Expect(outer.loops < kMaxLoops, StatusCode::kUnsupportedOp, "nested_loops",
            kMaxLoops, outer.loops + 1);
  op.Expect(count >= 1 && count <= kMaxCount, StatusCode::kBadModel, "count",
            kMaxCount, count);
  const Status status = op.model().GetSubgraph(index, &body);
  if (op.ok()) op.status() = status;
  if (!op.ok()) return {};
  for (int i = 0; i < outer.loops; ++i) {
    body.counts[i] = outer.counts[i];
    body.iterations[i] = outer.iterations[i];
  }
  body.loops = outer.loops + 1;
  body.counts[outer.loops] = count;
  body.commit_op = op.MayCommit() ? 0 : -1;
  return body;
}

// An end of the body must be the tensor of the op, or its slices one after the
// other.
void CheckEnd(OpContext& op, const Subgraph& body, const Tensor& outer,
              int32_t inner_index, bool whole) {
  Tensor inner;
  const Status status =
      op.model().GetTensor(body, inner_index, op.arena(), &inner);
  if (op.ok()) op.status() = status;
  if (!op.ok()) return;
  const int loop = body.loops - 1;
  const int32_t slices = body.counts[loop];
  const int64_t sliced = int64_t{inner.bytes} * slices;
  whole |= inner.strides[loop] == 0 && outer.bytes == inner.bytes;
  op.Expect(outer.type == inner.type, StatusCode::kBadType, "loop_end",
            static_cast<int>(outer.type), static_cast<int>(inner.type));
  op.ExpectShape(outer.bytes == (whole ? inner.bytes : sliced), "loop_end",
                 outer.bytes, whole ? inner.bytes : sliced);
  op.Expect(outer.offset == inner.offset &&
                inner.strides[loop] == (whole ? 0 : inner.bytes) &&
                outer.strides[0] == (loop > 0 ? inner.strides[0] : 0),
            StatusCode::kNoPlan, "loop_end", outer.offset, inner.offset);
}

}  // namespace

// The first `carried` outputs are the last values of as many first inputs,
// which every iteration rewrites where they are.
void ForEach(OpContext& op) {
  const int32_t index = op.IntOption("subgraph");
  const int32_t count = op.IntOption("count");
  const int32_t carried = op.IntOption("carried");
  Subgraph body = Body(op, index, count);
  if (!op.ok()) return;
  if (op.check_only()) {
    const int inputs = static_cast<int>(body.inputs.size());
    const int outputs = static_cast<int>(body.outputs.size());
    op.Expect(inputs == op.inputs(), StatusCode::kBadModel, "loop_inputs",
              inputs, op.inputs());
    op.Expect(outputs == op.outputs(), StatusCode::kBadModel, "loop_outputs",
              outputs, op.outputs());
    op.Expect(carried >= 0 && carried <= inputs && carried <= outputs,
              StatusCode::kBadModel, "carried", outputs, carried);
    for (int i = 0; i < inputs && op.ok(); ++i) {
      CheckEnd(op, body, op.Input(i), body.inputs[i], i < carried);
    }
    for (int i = 0; i < outputs && op.ok(); ++i) {
      const Tensor output = op.Output(i);
      CheckEnd(op, body, output, body.outputs[i], i < carried);
      if (i < carried) {
        const Tensor input = op.Input(i);
        op.Expect(input.offset == output.offset && MoveAlike(input, output),
                  StatusCode::kNoPlan, "carried", input.offset, output.offset);
      }
    }
    if (!op.ok()) return;
    int64_t work = 0;
    op.status() =
        CheckSubgraph(op.model(), body, op.arena(), op.work_limit(), &work);
    // Not above the limit by more than a multiplication can hold.
    op.CountWork(work > INT64_MAX / count ? INT64_MAX : work * count);
    return;
  }
  int32_t& iteration = body.iterations[body.loops - 1];
  for (; iteration < count && op.ok(); ++iteration) {
    op.status() = RunSubgraph(op.model(), body, op.arena(), /*loss=*/nullptr);
  }
}

}  // namespace ops
}  // namespace biotrain
