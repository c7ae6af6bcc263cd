// SPDX-License-Identifier: Apache-2.0
// Convolutions, pools and their gradients find their operands channels first.
#include "tflm_train/micro/ops/one_op_test.h"

namespace biotrain {
namespace {

void Window(OneOp& op) {
  op.flex.String("padding", "VALID").Int("stride_h", 1).Int("stride_w", 1);
  op.flex.Int("dilation_h", 1).Int("dilation_w", 1);
}

// Filters of one or two taps, so that the numbers can be seen.
void TestConvolutions(TestContext& test) {
  {
    OneOp& op = Fresh();
    op.flex.String("padding", "SAME").Int("stride_h", 1).Int("stride_w", 2);
    op.flex.Int("dilation_h", 1).Int("dilation_w", 1);
    op.flex.String("activation", "NONE");
    const int x = op.In({1, 1, 1, 4}, {1, 2, 3, 4});
    const int w = op.In({2, 1, 1, 1}, {10, -1});
    const int bias = op.In({2}, {0, 5});
    Expect(test,
           op.Custom("BiotrainConv2D", {x, w, bias}, {op.Tensor({1, 2, 1, 2})}),
           3, {10, 30, 4, 2}, "BiotrainConv2D");
  }
  {
    OneOp& op = Fresh();
    Window(op);
    op.flex.String("activation", "RELU6");
    const int x = op.In({1, 1, 1, 3}, {1, 2, 3});
    const int w = op.In({1, 2, 1, 2}, {1, 1, 10, -7});
    Expect(
        test,
        op.Custom("BiotrainDepthwiseConv2D", {x, w}, {op.Tensor({1, 2, 1, 2})}),
        2, {3, 5, 0, 0}, "BiotrainDepthwiseConv2D");
  }
  {
    OneOp& op = Fresh();
    Window(op);
    const int x = op.In({1, 1, 1, 3}, {1, 2, 3});
    const int dy = op.In({1, 1, 1, 2}, {1, 10});
    Expect(test,
           op.Custom("BiotrainConv2DGradFilter", {x, dy},
                     {op.Tensor({1, 1, 1, 2})}),
           2, {21, 32}, "filter gradient");
  }
  {
    OneOp& op = Fresh();
    Window(op);
    const int w = op.In({1, 2, 1, 1}, {1, 2});
    const int dy = op.In({1, 1, 1, 2}, {1, 10});
    Expect(test,
           op.Custom("BiotrainConv2DGradInput", {w, dy},
                     {op.Tensor({1, 2, 1, 2})}),
           2, {1, 10, 2, 20}, "input gradient");
  }
  {
    OneOp& op = Fresh();
    Window(op);
    const int x = op.In({1, 1, 1, 3}, {1, 2, 3});
    const int dy = op.In({1, 2, 1, 2}, {1, 0, 0, 10});
    Expect(test,
           op.Custom("BiotrainDepthwiseConv2DGradFilter", {x, dy},
                     {op.Tensor({1, 2, 1, 2})}),
           2, {1, 2, 20, 30}, "depthwise filter gradient");
  }
  {
    OneOp& op = Fresh();
    Window(op);
    const int w = op.In({1, 2, 1, 2}, {1, 3, 2, 4});
    const int dy = op.In({1, 2, 1, 1}, {1, 10});
    Expect(test,
           op.Custom("BiotrainDepthwiseConv2DGradInput", {w, dy},
                     {op.Tensor({1, 1, 1, 2})}),
           2, {21, 43}, "depthwise input gradient");
  }
}

// Two channels, one after the other.
void TestPools(TestContext& test) {
  const auto Pool = [](OneOp& op) {
    op.flex.String("padding", "VALID").Int("stride_h", 1).Int("stride_w", 2);
    op.flex.Int("filter_h", 1).Int("filter_w", 2);
  };
  {
    OneOp& op = Fresh();
    Pool(op);
    op.flex.String("activation", "RELU");
    const int x = op.In({1, 2, 1, 4}, {1, 2, 5, 3, 8, 1, -4, -2});
    Expect(test, op.Custom("BiotrainMaxPool2D", {x}, {op.Tensor({1, 2, 1, 2})}),
           1, {2, 5, 8, 0}, "BiotrainMaxPool2D");
  }
  {
    OneOp& op = Fresh();
    Pool(op);
    op.flex.String("activation", "NONE");
    const int x = op.In({1, 2, 1, 4}, {1, 2, 5, 3, 8, 1, -4, -2});
    const int gamma = op.In({2}, {0.5f, -2});
    Expect(
        test,
        op.Custom("BiotrainMaxPool2D", {x, gamma}, {op.Tensor({1, 2, 1, 2})}),
        2, {2, 5, 1, -4}, "BiotrainMaxPool2D by gamma");
  }
  {
    OneOp& op = Fresh();
    Pool(op);
    op.flex.String("activation", "NONE");
    const int x = op.In({1, 2, 1, 4}, {1, 2, 5, 3, 8, 2, -4, -2});
    Expect(test,
           op.Custom("BiotrainAveragePool2D", {x}, {op.Tensor({1, 2, 1, 2})}),
           1, {1.5f, 4, 5, -3}, "BiotrainAveragePool2D");
  }
  {
    OneOp& op = Fresh();
    Pool(op);
    const int dy = op.In({1, 2, 1, 2}, {2, 4, 6, 8});
    Expect(
        test,
        op.Custom("BiotrainAveragePool2DGrad", {dy}, {op.Tensor({1, 2, 1, 4})}),
        1, {1, 1, 2, 2, 3, 3, 4, 4}, "average gradient");
  }
  {
    OneOp& op = Fresh();
    Pool(op);
    const int x = op.In({1, 2, 1, 4}, {1, 2, 5, 3, 8, 1, 0, 4});
    const int y = op.In({1, 2, 1, 2}, {2, 5, 8, 4});
    const int dy = op.In({1, 2, 1, 2}, {7, 8, 9, 6});
    Expect(test,
           op.Custom("BiotrainMaxPool2DGrad", {x, y, dy},
                     {op.Tensor({1, 2, 1, 4})}),
           3, {0, 7, 8, 0, 9, 0, 0, 6}, "maximum gradient");
  }
}

void TestNormsInPools(TestContext& test) {
  const auto Options = [](OneOp& op, int32_t stride_w) {
    op.flex.String("padding", "VALID").Int("stride_h", 1);
    op.flex.Int("stride_w", stride_w).Int("filter_h", 1).Int("filter_w", 2);
    op.flex.Float("epsilon", 0.0f).String("activation", "RELU");
  };
  const auto Forward = [](OneOp& op, Shape c) -> OneOp& {
    const int x = op.In({1, 2, 1, 4}, {1, 3, 1, 3, 10, 12, 12, 10});
    const int gamma = op.In(c, {2, -1});
    const int beta = op.In(c, {10, 0});
    const int y = op.Tensor({1, 2, 1, 2});
    const int mean = op.Tensor({2});
    const int variance = op.Tensor({2});
    return op.Custom("BiotrainBatchNormMaxPool", {x, gamma, beta},
                     {y, mean, variance, op.Tensor({1, 2, 1, 2})});
  };
  const auto Grad = [](OneOp& op, Shape dy) -> OneOp& {
    const int gamma = op.In({1}, {2});
    const int mean = op.In({1}, {2});
    const int variance = op.In({1}, {1});
    const int peak = op.In({1, 1, 1, 2}, {3, 3});
    const int slope = op.In(dy, {1, 0});
    const int x = op.In({1, 1, 1, 4}, {1, 3, 1, 3});
    const int dx = op.Same({1, 1, 1, 4}, 5);
    return op.Custom("BiotrainBatchNormMaxPoolGrad",
                     {gamma, mean, variance, peak, slope, x},
                     {dx, op.Tensor({1}), op.Tensor({1})});
  };
  {
    OneOp& op = Fresh();
    Options(op, 2);
    Expect(test, Forward(op, {2}), 3, {12, 12, 1, 1}, "norm in pool");
    test.ExpectNear(static_cast<double>(op.Slot<float>(4)[1]), 11, 0, "mean");
    test.ExpectNear(static_cast<double>(op.Slot<float>(6)[2]), 10, 0, "peak");
  }
  {
    OneOp& op = Fresh();
    Options(op, 2);
    Expect(test, Grad(op, {1, 1, 1, 2}), 5, {0, 1, 0, -1}, "norm in pool grad");
    test.ExpectNear(static_cast<double>(op.Slot<float>(6)[0]), 1, 0, "dgamma");
    test.ExpectNear(static_cast<double>(op.Slot<float>(7)[0]), 1, 0, "dbeta");
  }
  constexpr StatusCode kShape = StatusCode::kBadShape;
  {
    OneOp& op = Fresh();
    Options(op, 1);
    Refused(test, Forward(op, {2}), kShape, "windows overlap");
  }
  {
    OneOp& op = Fresh();
    Options(op, 2);
    Refused(test, Forward(op, {1, 2}), kShape, "gamma and beta of rank 2");
  }
  {
    OneOp& op = Fresh();
    Options(op, 2);
    Refused(test, Grad(op, {1, 1, 2, 1}), kShape, "dy with two rows");
  }
}

// Two channels, each normalised to -2 and 2, or -1 and 1.
void TestNormsBeforeAveragePools(TestContext& test) {
  const auto Options = [](OneOp& op) {
    op.flex.String("padding", "VALID").Int("stride_h", 1).Int("stride_w", 2);
    op.flex.Int("filter_h", 1).Int("filter_w", 2);
    op.flex.Float("epsilon", 0.0f).String("activation", "RELU");
  };
  const auto X = [](OneOp& op) {
    return op.In({1, 2, 1, 4}, {1, 3, 1, 3, 10, 12, 12, 10});
  };
  {
    OneOp& op = Fresh();
    Options(op);
    const int x = X(op);
    const int gamma = op.In({2}, {2, 1});
    const int beta = op.In({2}, {0, 0});
    const int mean = op.In({2}, {2, 11});
    const int variance = op.In({2}, {1, 1});
    Expect(
        test,
        op.Custom("BiotrainNormAveragePool", {x, gamma, beta, mean, variance},
                  {op.Tensor({1, 2, 1, 2})}),
        5, {1, 1, 0.5f, 0.5f}, "BiotrainNormAveragePool");
  }
  {
    OneOp& op = Fresh();
    Options(op);
    op.flex.Bool("counts", true);
    const int x = X(op);
    const int gamma = op.In({2}, {2, 1});
    const int beta = op.In({2}, {0, 0});
    const int mean = op.In({2}, {2, 11});
    const int variance = op.In({2}, {1, 1});
    const int counts = op.Tensor({1, 2, 1, 4}, TensorType::kUint8);
    Expect(test,
           op.Custom("BiotrainNormSlopePool", {x, gamma, beta, mean, variance},
                     {counts, op.Tensor({1, 2, 1, 2})}),
           6, {0.5f, 0.5f, 0.5f, 0.5f}, "BiotrainNormSlopePool");
    test.ExpectEqual(op.Slot<uint8_t>(5)[0], 0x11, "counts");
  }
  {
    OneOp& op = Fresh();
    Options(op);
    const int x = X(op);
    const int gamma = op.In({2}, {2, 1});
    const int beta = op.In({2}, {0, 0});
    const int mean = op.In({2}, {2, 11});
    const int variance = op.In({2}, {1, 1});
    const int dy = op.In({1, 2, 1, 2}, {2, 4, 6, 8});
    Expect(test,
           op.Custom("BiotrainNormPoolGradSums",
                     {x, gamma, beta, mean, variance, dy},
                     {op.Tensor({1, 2}), op.Tensor({1, 2})}),
           6, {3, 7}, "BiotrainNormPoolGradSums");
  }
  {
    OneOp& op = Fresh();
    Options(op);
    const int x = X(op);
    const int gamma = op.In({2}, {2, 1});
    const int beta = op.In({2}, {0, 0});
    const int mean = op.In({2}, {2, 11});
    const int variance = op.In({2}, {1, 1});
    const int dy = op.In({1, 2, 1, 2}, {2, 4, 6, 8});
    Expect(test,
           op.Custom("BiotrainNormPoolGradInput",
                     {gamma, beta, mean, variance, beta, beta, dy, x},
                     {op.Same({1, 2, 1, 4}, 0)}),
           0, {0, 2, 0, 4, 0, 3, 4, 0}, "BiotrainNormPoolGradInput over x");
  }
}

constexpr TestCase kTests[] = {
    {"norms_before_average_pools", TestNormsBeforeAveragePools},
    {"convolutions", TestConvolutions},
    {"pools", TestPools},
    {"norms_in_pools", TestNormsInPools},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
