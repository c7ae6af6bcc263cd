// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/update.h"

#include "tflm_train/kernels/step_factors.h"
#include "tflm_train/micro/ops/ops.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;

// Weights, states and gradient of one shape, then the factors of the step; the
// outputs are the new weights and states.
struct Updated {
  Tensor in[4], out[3], factors;
};

Updated UpdateOfStep(OpContext& op, int states) {
  Updated u;
  for (int i = 0; i < states + 2; ++i) {
    u.in[i] = op.Input(i, kFloat);
    op.ExpectSameShape(u.in[0], u.in[i], "input");
  }
  u.factors = op.Input(states + 2, kFloat);
  op.ExpectVector(u.factors, kStepFactors, "factors");
  for (int i = 0; i < states + 1; ++i) {
    u.out[i] = op.Output(i, kFloat);
    op.ExpectSameShape(u.in[0], u.out[i], "output");
  }
  return u;
}

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

void SgdOfStep(OpContext& op) {
  const Updated u = UpdateOfStep(op, 0);
  op.CountWork(3 * int64_t{u.in[0].elements});
  if (!op.Ready()) return;
  biotrain::SgdOfStep(u.in[0].floats(), u.in[1].floats(), u.in[0].elements,
                      u.factors.floats(), u.out[0].floats());
}

void SgdMomentumOfStep(OpContext& op) {
  const Updated u = UpdateOfStep(op, 1);
  const float momentum = op.FloatOption("momentum");
  op.CountWork(4 * int64_t{u.in[0].elements});
  if (!op.Ready()) return;
  biotrain::SgdMomentumOfStep(
      u.in[0].floats(), u.in[1].floats(), u.in[2].floats(), u.in[0].elements,
      u.factors.floats(), momentum, u.out[0].floats(), u.out[1].floats());
}

void Adam(OpContext& op) {
  const Updated u = UpdateOfStep(op, 2);
  AdamParams params;
  params.decay_1 = static_cast<float>(1.0 - op.DoubleOption("beta_1"));
  params.decay_2 = static_cast<float>(1.0 - op.DoubleOption("beta_2"));
  params.epsilon = op.FloatOption("epsilon");
  op.CountWork(30 * int64_t{u.in[0].elements});
  if (!op.Ready()) return;
  biotrain::Adam(u.in[0].floats(), u.in[1].floats(), u.in[2].floats(),
                 u.in[3].floats(), u.in[0].elements, u.factors.floats(), params,
                 u.out[0].floats(), u.out[1].floats(), u.out[2].floats());
}

void StepFactors(OpContext& op) {
  const Tensor step = op.Input(0, TensorType::kInt32);
  const Tensor factors = op.Output(0, kFloat);
  const Tensor hold = op.Output(1, kFloat);
  op.ExpectShape(step.elements == 1, "step", 1, step.elements);
  op.ExpectVector(factors, kStepFactors, "factors");
  op.ExpectShape(hold.elements == 1, "hold", 1, hold.elements);
  StepParams params;
  params.learning_rate = op.DoubleOption("learning_rate");
  params.schedule_steps = op.IntOption("schedule_steps");
  params.beta_1 = op.DoubleOption("beta_1");
  params.beta_2 = op.DoubleOption("beta_2");
  params.weight_decay = op.DoubleOption("weight_decay");
  params.clip_norm = op.DoubleOption("clip_norm");
  params.accumulate = op.IntOption("accumulate");
  params.turns = op.IntOption("turns");
  params.turn = op.IntOption("turn");
  op.Expect(params.schedule_steps >= 0, StatusCode::kBadModel,
            "schedule_steps");
  op.Expect(params.accumulate >= 1, StatusCode::kBadModel, "accumulate", 1,
            params.accumulate);
  op.Expect(params.turns >= 1, StatusCode::kBadModel, "turns", 1, params.turns);
  const float* square_norm = nullptr;
  if (op.HasInput(1)) {
    const Tensor norm = op.Input(1, kFloat);
    op.ExpectShape(norm.elements == 1, "square_norm", 1, norm.elements);
    square_norm = norm.floats();
  }
  if (!op.Ready()) return;
  // Counters of a state from elsewhere may be anything.
  const int32_t number = *step.ints() < 0 ? 0 : *step.ints();
  biotrain::StepFactors(params, number, square_norm, factors.floats(),
                        hold.floats());
}

void SquareSum(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor sum = op.Output(0, kFloat);
  op.ExpectShape(sum.elements == 1, "sum", 1, sum.elements);
  op.CountWork(x.elements);
  if (!op.Ready()) return;
  biotrain::SquareSum(x.floats(), x.elements, sum.floats());
}

}  // namespace ops
}  // namespace biotrain
