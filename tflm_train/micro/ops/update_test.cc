// SPDX-License-Identifier: Apache-2.0
// Updates of weights, in place, and what is refused of them.
#include "tflm_train/micro/ops/one_op_test.h"

namespace biotrain {
namespace {

void TestConstantRate(TestContext& test) {
  OneOp& op = Fresh();
  op.flex.Float("learning_rate", 0.5f).Float("momentum", 0.25f);
  const int w = op.In({2}, {1, 2});
  const int m = op.In({2}, {4, 8});
  const int g = op.In({2}, {2, 2});
  Expect(test,
         op.Custom("BiotrainSgdMomentum", {w, m, g},
                   {op.Same({2}, 0), op.Same({2}, 1)}),
         0, {1, 3}, "BiotrainSgdMomentum");
  test.ExpectNear(static_cast<double>(op.Slot<float>(1)[1]), 1, 0, "m");
}

// Rate 1/2, half of a weight is kept, a quarter of the gradient counts.
int Factors(OneOp& op, float active) {
  return op.In({4}, {0.5f, 0.5f, 0.25f, active});
}

void TestRateOfTheStep(TestContext& test) {
  {
    OneOp& op = Fresh();
    const int w = op.In({2}, {2, 4});
    const int g = op.In({2}, {8, 16});
    const int factors = Factors(op, 1);
    Expect(test,
           op.Custom("BiotrainSgdOfStep", {w, g, factors}, {op.Same({2}, 0)}),
           0, {0, 0}, "BiotrainSgdOfStep");
  }
  {
    OneOp& op = Fresh();
    op.flex.Float("momentum", 0.25f);
    const int w = op.In({2}, {2, 4});
    const int m = op.In({2}, {4, 8});
    const int g = op.In({2}, {8, 16});
    const int factors = Factors(op, 1);
    Expect(test,
           op.Custom("BiotrainSgdMomentumOfStep", {w, m, g, factors},
                     {op.Same({2}, 0), op.Same({2}, 1)}),
           0, {1, 2}, "BiotrainSgdMomentumOfStep");
    test.ExpectNear(static_cast<double>(op.Slot<float>(1)[0]), 0, 0, "m");
  }
  for (const float active : {1.0f, 0.0f}) {
    OneOp& op = Fresh();
    op.flex.Float("beta_1", 0.5f).Float("beta_2", 0.75f);
    op.flex.Float("epsilon", 1.0f);
    const int w = op.In({1}, {8});
    const int m = op.In({1}, {0});
    const int v = op.In({1}, {0});
    const int g = op.In({1}, {16});
    const int factors = Factors(op, active);
    op.Custom("BiotrainAdam", {w, m, v, g, factors},
              {op.Same({1}, 0), op.Same({1}, 1), op.Same({1}, 2)});
    // Scaled 4, so the mean is 2 and the variance 4: 4 - 2 / 2 / (2 + 1).
    const bool moves = active > 0;
    Expect(test, op, 0, {moves ? 4 - 1 / 3.0f : 8}, "BiotrainAdam");
    const float* m_out = op.Slot<float>(1);
    const float* v_out = op.Slot<float>(2);
    test.ExpectNear(static_cast<double>(*m_out), moves ? 2 : 0, 0, "mean");
    test.ExpectNear(static_cast<double>(*v_out), moves ? 4 : 0, 0, "variance");
  }
}

OneOp& Step(int32_t number, int32_t accumulate, int32_t turns) {
  OneOp& op = Fresh();
  op.flex.Float("learning_rate", 0.5f).Int("schedule_steps", 0);
  op.flex.Float("beta_1", 0.0f).Float("beta_2", 0.0f);
  op.flex.Float("weight_decay", 0.5f).Float("clip_norm", 2.0f);
  op.flex.Int("accumulate", accumulate).Int("turns", turns).Int("turn", 0);
  const int step = op.Ints({}, {number});
  const int square_norm = op.In({}, {256});
  return op.Custom("BiotrainStepFactors", {step, square_norm},
                   {op.Tensor({4}), op.Tensor({1})});
}

void TestFactorsOfTheStep(TestContext& test) {
  // The mean of four gradients has norm 4, which is clipped to 2.
  const float scale = 0.125f;
  Expect(test, Step(3, 4, 1), 2, {0.5f, 0.75f, scale, 1}, "the fourth call");
  Expect(test, Step(2, 4, 1), 2, {0.5f, 0.75f, scale, 0}, "the third call");
  Expect(test, Step(7, 4, 2), 2, {0.5f, 0.75f, scale, 0}, "another's turn");
  Expect(test, Step(-5, 4, 1), 2, {0.5f, 0.75f, scale, 0}, "as at the start");
  OneOp& op = Fresh();
  const int x = op.In({2, 2}, {1, 2, 3, 4});
  Expect(test, op.Custom("BiotrainSquareSum", {x}, {op.Tensor({})}), 1, {30},
         "BiotrainSquareSum");
}

void TestRefuses(TestContext& test) {
  Refused(test, Step(0, 0, 1), StatusCode::kBadModel, "accumulate 0");
  Refused(test, Step(0, 1, 0), StatusCode::kBadModel, "turns 0");
  {
    OneOp& op = Fresh();
    const int w = op.Tensor({2});
    Refused(test, op.Custom("BiotrainSgdOfStep", {w, w, op.Tensor({3})}, {w}),
            StatusCode::kBadShape, "three factors");
  }
  {
    OneOp& op = Fresh();
    op.flex.Float("beta_1", 0.5f).Float("beta_2", 0.75f);
    op.flex.Float("epsilon", 1.0f);
    const int w = op.Tensor({2});
    const int v = op.Tensor({3});
    Refused(test,
            op.Custom("BiotrainAdam", {w, w, v, w, op.Tensor({4})}, {w, w, v}),
            StatusCode::kBadShape, "a state of another shape");
  }
  {
    OneOp& op = Fresh();
    const int w = op.Tensor({2});
    Refused(test,
            op.Custom("BiotrainSgdMomentumOfStep", {w, w, w, op.Tensor({4})},
                      {w, w}),
            StatusCode::kBadModel, "no momentum");
  }
  {
    OneOp& op = Fresh();
    Refused(test,
            op.Custom("BiotrainSquareSum", {op.Tensor({2})}, {op.Tensor({2})}),
            StatusCode::kBadShape, "two sums");
  }
}

constexpr TestCase kTests[] = {
    {"updates_at_a_constant_rate", TestConstantRate},
    {"updates_at_the_rate_of_the_step", TestRateOfTheStep},
    {"factors_of_the_step", TestFactorsOfTheStep},
    {"refused_updates", TestRefuses},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
