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
[[gnu::noinline]] Subgraph Body(OpContext& op, int32_t index, int32_t count) {
  const Subgraph& outer = op.subgraph();
  op.Expect(outer.loops < kMaxLoops, StatusCode::kUnsupportedOp, "nested_loops",
            kMaxLoops, outer.loops + 1);
  op.Expect(count >= 1 && count <= kMaxCount, StatusCode::kBadModel, "count",
            kMaxCount, count);
  Subgraph body;
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
  body.accumulates = outer.accumulates;
  body.source = outer.source;
  body.sample = outer.sample;
  body.sample_bytes = outer.sample_bytes;
  return body;
}

Tensor InnerTensor(OpContext& op, const Subgraph& body, int32_t index) {
  Tensor inner;
  const Status status = op.model().GetTensor(body, index, op.arena(), &inner);
  if (op.ok()) op.status() = status;
  return inner;
}

// An end of the body must be the tensor of the op, or its slices one after the
// other.
void CheckEnd(OpContext& op, const Subgraph& body, const Tensor& outer,
              int32_t index) {
  const Tensor inner = InnerTensor(op, body, index);
  if (!op.ok()) return;
  const int loop = body.loops - 1;
  const bool whole = outer.bytes == inner.bytes;
  const int64_t bytes = int64_t{inner.bytes} * (whole ? 1 : body.counts[loop]);
  op.Expect(outer.type == inner.type, StatusCode::kBadType, "loop_end",
            static_cast<int>(outer.type), static_cast<int>(inner.type));
  op.ExpectShape(outer.bytes == bytes, "loop_end", outer.bytes, bytes);
  bool same = outer.offset == inner.offset;
  if (outer.is_in_arena()) {
    same &= inner.strides[loop] == (whole ? 0 : inner.bytes);
    for (int i = 0; i < loop; ++i) same &= outer.strides[i] == inner.strides[i];
  }
  op.Expect(same, StatusCode::kNoPlan, "loop_end", outer.offset, inner.offset);
}

// Checks are not inlined: what they need on the stack would stay there while
// the body runs.
[[gnu::noinline]] void CheckLoop(OpContext& op, const Subgraph& body,
                                 int32_t carried) {
  const int inputs = static_cast<int>(body.inputs.size());
  const int outputs = static_cast<int>(body.outputs.size());
  op.Expect(inputs == op.inputs(), StatusCode::kBadModel, "loop_inputs", inputs,
            op.inputs());
  op.Expect(outputs == op.outputs(), StatusCode::kBadModel, "loop_outputs",
            outputs, op.outputs());
  op.Expect(carried >= 0 && carried <= inputs && carried <= outputs,
            StatusCode::kBadModel, "carried", outputs, carried);
  for (int i = 0; i < inputs && op.ok(); ++i) {
    CheckEnd(op, body, op.InputOfAnyType(i), body.inputs[i]);
  }
  for (int i = 0; i < outputs && op.ok(); ++i) {
    const Tensor output = op.OutputOfAnyType(i);
    CheckEnd(op, body, output, body.outputs[i]);
    if (i >= carried) continue;
    const Tensor input = op.InputOfAnyType(i);
    op.Expect(input.offset == output.offset && input.bytes == output.bytes &&
                  MoveAlike(input, output),
              StatusCode::kNoPlan, "carried", input.offset, output.offset);
  }
  if (!op.ok()) return;
  const int32_t count = body.counts[body.loops - 1];
  int64_t work = 0;
  op.status() =
      CheckSubgraph(op.model(), body, op.arena(), op.work_limit(), &work);
  op.CountWork(work > INT64_MAX / count ? INT64_MAX : work * count);
}

// Inputs that are a sample where its source has it are all whole or all
// slices, since a body knows one place. Takes the body to its first slice.
[[gnu::noinline]] void EnterSample(OpContext& op, Subgraph* body) {
  const Subgraph& outer = op.subgraph();
  int32_t bytes = 0;
  for (int i = 0; i < op.inputs() && op.ok(); ++i) {
    if (outer.offsets[op.input_indices()[i]] != kNowhere) continue;
    if (op.Input(i).offset != kSample) continue;
    const Tensor inner = InnerTensor(op, *body, body->inputs[i]);
    op.Expect(bytes == 0 || bytes == inner.bytes, StatusCode::kNoPlan,
              "sample_slices", bytes, inner.bytes);
    bytes = inner.bytes;
  }
  if (bytes != 0) body->sample_bytes = bytes;
}

}  // namespace

// The first `carried` outputs are the last values of as many first inputs,
// which every iteration rewrites where they are.
void ForEach(OpContext& op) {
  const int32_t index = op.IntOption("subgraph");
  const int32_t count = op.IntOption("count");
  const int32_t carried = op.IntOption("carried");
  Subgraph body = Body(op, index, count);
  if (op.ok() && op.check_only()) CheckLoop(op, body, carried);
  EnterSample(op, &body);
  if (!op.Ready()) return;
  const bool sliced = body.sample_bytes != op.subgraph().sample_bytes;
  int32_t& iteration = body.iterations[body.loops - 1];
  for (; iteration < count && op.ok(); ++iteration) {
    op.status() = RunSubgraph(op.model(), body, op.arena(), /*loss=*/nullptr);
    if (sliced) body.sample += body.sample_bytes;
  }
}

}  // namespace ops
}  // namespace biotrain
