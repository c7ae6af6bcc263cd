// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/attention.h"

#include "tflm_train/micro/ops/ops.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;
// A softmax's element, besides multiply-adds.
constexpr int64_t kWorkPerWeight = 40;

// Of q, k, v [B,T,H,D], y like q with the depth of v, and p [B,H,T,S].
AttentionShape Check(OpContext& op, const Tensor& q, const Tensor& k,
                     const Tensor& v, const Tensor& y, const Tensor& p) {
  const AttentionShape s = {q.dims[0],
                            q.dims[2],
                            q.dims[1],
                            k.dims[1],
                            q.dims[3],
                            v.dims[3],
                            op.FloatOption("scale"),
                            op.BoolOption("causal")};
  op.ExpectShape(k.dims[0] == s.batch, "key_batch", s.batch, k.dims[0]);
  op.ExpectShape(k.dims[2] == s.heads, "key_heads", s.heads, k.dims[2]);
  op.ExpectShape(k.dims[3] == s.depth, "key_depth", s.depth, k.dims[3]);
  for (int i = 0; i < 3; ++i) {
    op.ExpectShape(v.dims[i] == k.dims[i], "values", k.dims[i], v.dims[i]);
    op.ExpectShape(y.dims[i] == q.dims[i], "output", q.dims[i], y.dims[i]);
  }
  op.ExpectShape(y.dims[3] == s.value_depth, "output_depth", s.value_depth,
                 y.dims[3]);
  const int32_t pairs[] = {s.batch, s.heads, s.queries, s.keys};
  for (int i = 0; i < 4; ++i) {
    op.ExpectShape(p.dims[i] == pairs[i], "weights", pairs[i], p.dims[i]);
  }
  return s;
}

void CountAttention(OpContext& op, const AttentionShape& s, const Tensor& p) {
  const int64_t depth = int64_t{s.depth} + s.value_depth;
  op.CountWork((depth + kWorkPerWeight) * p.elements);
}

}  // namespace

void Attention(OpContext& op) {
  const Tensor q = op.Input(0, kFloat, 4);
  const Tensor k = op.Input(1, kFloat, 4);
  const Tensor v = op.Input(2, kFloat, 4);
  const Tensor y = op.Output(0, kFloat, 4);
  const Tensor p = op.Output(1, kFloat, 4);
  const AttentionShape shape = Check(op, q, k, v, y, p);
  CountAttention(op, shape, p);
  if (!op.Ready()) return;
  biotrain::Attention(shape, q.floats(), k.floats(), v.floats(), y.floats(),
                      p.floats());
}

void AttentionGrad(OpContext& op) {
  const Tensor q = op.Input(0, kFloat, 4);
  const Tensor k = op.Input(1, kFloat, 4);
  const Tensor v = op.Input(2, kFloat, 4);
  const Tensor y = op.Input(3, kFloat, 4);
  const Tensor dy = op.Input(4, kFloat, 4);
  const Tensor p = op.Input(5, kFloat, 4);
  const Tensor dp = op.Output(0, kFloat, 4);
  const Tensor dq = op.Output(1, kFloat, 4);
  const Tensor dk = op.Output(2, kFloat, 4);
  const Tensor dv = op.Output(3, kFloat, 4);
  const AttentionShape shape = Check(op, q, k, v, y, p);
  op.ExpectSameShape(y, dy, "dy");
  op.ExpectSameShape(p, dp, "dp");
  op.ExpectSameShape(q, dq, "dq");
  op.ExpectSameShape(k, dk, "dk");
  op.ExpectSameShape(v, dv, "dv");
  CountAttention(op, shape, p);
  CountAttention(op, shape, p);
  if (!op.Ready()) return;
  biotrain::AttentionGrad(shape, q.floats(), k.floats(), v.floats(), y.floats(),
                          dy.floats(), p.floats(), dp.floats(), dq.floats(),
                          dk.floats(), dv.floats());
}

}  // namespace ops
}  // namespace biotrain
