// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/update.h"

#include "tflm_train/micro/ops/ops.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;

}  // namespace

void Sgd(OpContext& op) {
  const Tensor w = op.Input(0, kFloat);
  const Tensor g = op.Input(1, kFloat);
  const Tensor w_out = op.Output(0, kFloat);
  op.ExpectSameShape(w, g, "gradient");
  op.ExpectSameShape(w, w_out, "output");
  const float learning_rate = op.FloatOption("learning_rate");
  op.CountWork(2 * int64_t{w.elements});
  if (!op.Ready()) return;
  biotrain::Sgd(w.floats(), g.floats(), w.elements, learning_rate,
                w_out.floats());
}

void SgdMomentum(OpContext& op) {
  const Tensor w = op.Input(0, kFloat);
  const Tensor m = op.Input(1, kFloat);
  const Tensor g = op.Input(2, kFloat);
  const Tensor w_out = op.Output(0, kFloat);
  const Tensor m_out = op.Output(1, kFloat);
  op.ExpectSameShape(w, m, "momentum");
  op.ExpectSameShape(w, g, "gradient");
  op.ExpectSameShape(w, w_out, "output");
  op.ExpectSameShape(w, m_out, "output");
  const float learning_rate = op.FloatOption("learning_rate");
  const float momentum = op.FloatOption("momentum");
  op.CountWork(4 * int64_t{w.elements});
  if (!op.Ready()) return;
  biotrain::SgdMomentum(w.floats(), m.floats(), g.floats(), w.elements,
                        learning_rate, momentum, w_out.floats(),
                        m_out.floats());
}

}  // namespace ops
}  // namespace biotrain
