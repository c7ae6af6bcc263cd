// SPDX-License-Identifier: Apache-2.0
// Ops refuse what does not fit, before anything is computed.
#include "tflm_train/micro/ops/one_op_test.h"

namespace biotrain {
namespace {

void TestRefusesShapes(TestContext& test) {
  const auto Unary = [&test](Shape x, Shape y, StatusCode code,
                             const char* what) {
    OneOp& op = Fresh();
    const int in = op.Tensor(x);
    Refused(test, op.Op(19, {in}, {op.Tensor(y)}), code, what);
  };
  Unary({2}, {3}, StatusCode::kBadShape, "sizes");
  Unary({2, 3}, {3, 2}, StatusCode::kBadShape, "dims");
  Unary({0}, {0}, StatusCode::kBadShape, "no elements");
  Unary({-1}, {-1}, StatusCode::kBadShape, "negative");
  Unary({1, 1, 1, 1, 1, 1, 1}, {1}, StatusCode::kBadShape, "rank 7");
  Unary({46341, 46341}, {46341, 46341}, StatusCode::kBadShape, "2^31");
  Unary({INT32_MAX, INT32_MAX, INT32_MAX}, {1}, StatusCode::kBadShape, "2^93");
  Unary({1024}, {1024}, StatusCode::kNoPlan, "beyond the arena");

  const auto Add = [&test](Shape a, Shape b, Shape y, const char* what) {
    OneOp& op = Fresh();
    const int left = op.Tensor(a);
    const int right = op.Tensor(b);
    Refused(test, op.Op(0, {left, right}, {op.Tensor(y)}),
            StatusCode::kBadShape, what);
  };
  Add({2}, {3}, {3}, "no broadcast");
  Add({1}, {1}, {4}, "larger than both");
  Add({2, 2}, {2}, {2}, "rank");

  const auto Conv = [&test](int32_t stride, int32_t dilation, int32_t out,
                            StatusCode code, const char* what) {
    OneOp& op = Fresh();
    const int x = op.Tensor({1, 1, 1, 8});
    const int w = op.Tensor({1, 1, 1, 3});
    const int y = op.Tensor({1, 1, 1, out});
    op.flex.String("padding", "VALID").Int("stride_h", 1);
    op.flex.Int("stride_w", stride).Int("dilation_h", 1);
    op.flex.Int("dilation_w", dilation).String("activation", "NONE");
    Refused(test, op.Custom("BiotrainConv2D", {x, w}, {y}), code, what);
  };
  Conv(1, 1, 6, StatusCode::kOk, "fits");
  Conv(1, 1, 7, StatusCode::kBadShape, "too wide");
  Conv(1, 1, 5, StatusCode::kBadShape, "too narrow");
  Conv(0, 1, 6, StatusCode::kBadShape, "stride 0");
  Conv(-1, 1, 6, StatusCode::kBadShape, "stride -1");
  Conv(1, 0, 8, StatusCode::kBadShape, "dilation 0");
  Conv(1, 4, 1, StatusCode::kBadShape, "filter beyond the input");
  Conv(1, INT32_MAX, 1, StatusCode::kBadShape, "huge dilation");
  Conv(INT32_MAX, 1, 1, StatusCode::kBadShape, "huge stride");
}

void TestRefusesChannels(TestContext& test) {
  const auto Conv = [&test](const char* name, Shape x, Shape w, Shape y,
                            const char* activation, StatusCode code,
                            const char* what) {
    OneOp& op = Fresh();
    const int in = op.Tensor(x);
    const int filter = op.Tensor(w);
    op.flex.String("padding", "VALID").Int("stride_h", 1).Int("stride_w", 1);
    op.flex.Int("dilation_h", 1).Int("dilation_w", 1);
    op.flex.String("activation", activation);
    Refused(test, op.Custom(name, {in, filter}, {op.Tensor(y)}), code, what);
  };
  const char* const full = "BiotrainConv2D";
  constexpr StatusCode kShape = StatusCode::kBadShape;
  Conv(full, {1, 2, 1, 4}, {3, 2, 1, 2}, {1, 3, 1, 3}, "RELU", StatusCode::kOk,
       "fits");
  Conv(full, {1, 1, 4, 2}, {3, 2, 1, 2}, {1, 1, 3, 3}, "NONE", kShape,
       "channels last");
  Conv(full, {1, 2, 1, 4}, {1, 2, 2, 3}, {1, 3, 1, 3}, "NONE", kShape,
       "filter in Keras's order");
  Conv(full, {1, 2, 1, 4}, {3, 1, 1, 2}, {1, 3, 1, 3}, "NONE", kShape,
       "filter inputs");
  Conv(full, {2, 2, 1, 4}, {3, 2, 1, 2}, {1, 3, 1, 3}, "NONE", kShape, "batch");
  Conv(full, {2, 2, 1, 4}, {5, 2, 1, 2}, {2, 3, 1, 3}, "NONE", kShape,
       "filters of all samples but for one");
  Conv(full, {1, 2, 1, 4}, {3, 2, 1, 2}, {1, 3, 1, 3}, "TANH",
       StatusCode::kUnsupportedOp, "activation");
  const char* const depthwise = "BiotrainDepthwiseConv2D";
  Conv(depthwise, {1, 2, 1, 4}, {2, 3, 1, 2}, {1, 6, 1, 3}, "RELU6",
       StatusCode::kOk, "fits");
  Conv(depthwise, {1, 2, 1, 4}, {3, 2, 1, 2}, {1, 6, 1, 3}, "NONE", kShape,
       "multiplier and channels");
  Conv(depthwise, {1, 2, 1, 4}, {2, 2, 1, 2}, {1, 6, 1, 3}, "NONE", kShape,
       "depthwise outputs");

  const auto Norm = [&test](const char* name, Shape x, Shape c,
                            const char* what) {
    OneOp& op = Fresh();
    op.flex.Float("epsilon", 0.001f).Int("groups", 1);
    const int in = op.Tensor(x);
    const int vector = op.Tensor(c);
    const int y = op.Tensor(x);
    const int mean = op.Tensor(c);
    Refused(test,
            op.Custom(name, {in, vector, vector}, {y, mean, op.Tensor(c)}),
            kShape, what);
  };
  Norm("BiotrainBatchNorm", {2, 3, 4}, {4}, "channels last");
  Norm("BiotrainBatchNorm", {3}, {3}, "rank 1");
  Norm("BiotrainGroupNorm", {2, 3, 4}, {4}, "groups of channels last");
}

void TestRefusesParameters(TestContext& test) {
  const auto Transpose = [&test](Shape order, StatusCode code,
                                 const char* what) {
    OneOp& op = Fresh();
    const int x = op.Tensor({2, 2});
    const int32_t count = static_cast<int32_t>(order.size());
    const int constant = op.Constant({count}, order);
    Refused(test, op.Op(39, {x, constant}, {op.Tensor({2, 2})}), code, what);
  };
  Transpose({0, 0}, StatusCode::kBadShape, "an axis twice");
  Transpose({0, 2}, StatusCode::kBadShape, "axis 2");
  Transpose({0, -3}, StatusCode::kBadShape, "axis -3");
  Transpose({0}, StatusCode::kBadShape, "an axis less");
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2, 2});
    const int order = op.Ints({2}, {1, 0});
    Refused(test, op.Op(39, {x, order}, {op.Tensor({2, 2})}),
            StatusCode::kUnsupportedOp, "computed permutation");
  }
  const auto Pad = [&test](Shape paddings, const char* what) {
    OneOp& op = Fresh();
    const int x = op.Tensor({2});
    const int constant = op.Constant({1, 2}, paddings);
    Refused(test, op.Op(34, {x, constant}, {op.Tensor({3})}),
            StatusCode::kBadShape, what);
  };
  Pad({2, 2}, "too much padding");
  Pad({-1, 2}, "negative padding");
  Pad({INT32_MAX, INT32_MAX}, "huge padding");
  const auto Gather = [&test](int32_t index, StatusCode code,
                              const char* what) {
    OneOp& op = Fresh();
    const int x = op.In({2}, {1, 2});
    const int indices = op.Ints({1}, {index});
    Refused(test, op.Op(36, {x, indices}, {op.Tensor({1})}), code, what);
  };
  Gather(1, StatusCode::kOk, "index 1");
  Gather(2, StatusCode::kLabelOutOfRange, "index 2");
  Gather(-1, StatusCode::kLabelOutOfRange, "index -1");
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2, 2});
    const int begin = op.Constant({2}, {0, 1});
    const int size = op.Constant({2}, {2, 2});
    Refused(test, op.Op(65, {x, begin, size}, {op.Tensor({2, 2})}),
            StatusCode::kBadShape, "slice beyond the end");
  }
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2, 3});
    op.flex.Float("epsilon", 0.001f).Int("groups", 0);
    Refused(test, op.Custom("BiotrainGroupNorm", {x, x, x}, {x, x, x}),
            StatusCode::kBadShape, "rank 2");
  }
  {
    OneOp& op = Fresh();
    op.flex.Bool("causal", false).Float("scale", 1.0f);
    const int q = op.Tensor({1, 2, 3, 4});
    const int k = op.Tensor({1, 5, 3, 2});
    const int p = op.Tensor({1, 3, 2, 5});
    Refused(
        test,
        op.Custom("BiotrainAttention", {q, k, k}, {op.Tensor({1, 2, 3, 2}), p}),
        StatusCode::kBadShape, "keys narrower than queries");
  }
  {
    OneOp& op = Fresh();
    op.flex.Bool("causal", false).Float("scale", 1.0f);
    const int q = op.Tensor({1, 2, 3, 4});
    Refused(test,
            op.Custom("BiotrainAttention", {q, q, q},
                      {op.Tensor({1, 2, 3, 4}), op.Tensor({1, 2, 3, 2})}),
            StatusCode::kBadShape, "weights with the heads inside");
  }
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2});
    Refused(test, op.Custom("BiotrainSgd", {x, x}, {op.Tensor({2})}),
            StatusCode::kBadModel, "no learning rate");
  }
}

void TestRefusesTypesAndCounts(TestContext& test) {
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2}, kInt);
    Refused(test, op.Op(19, {x}, {op.Tensor({2})}), StatusCode::kBadType,
            "RELU of integers");
  }
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2}, static_cast<TensorType>(4));
    Refused(test, op.Op(22, {x}, {op.Tensor({2})}), StatusCode::kBadType,
            "int64");
  }
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({}, TensorType::kResource);
    Refused(test, op.Op(22, {x}, {op.Tensor({}, TensorType::kResource)}),
            StatusCode::kBadType, "RESHAPE of a variable");
  }
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2});
    Refused(test, op.Op(0, {x}, {op.Tensor({2})}), StatusCode::kBadModel,
            "one summand");
  }
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2});
    Refused(test, op.Op(0, {x, -1}, {op.Tensor({2})}), StatusCode::kBadModel,
            "missing input");
  }
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2});
    Refused(test, op.Op(19, {x + 100}, {op.Tensor({2})}), StatusCode::kBadModel,
            "tensor 100");
  }
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2});
    Refused(test, op.Op(19, {x}, {op.Constant({2}, {1, 2})}),
            StatusCode::kBadModel, "output to a constant");
  }
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2});
    Refused(test, op.Op(77, {x}, {op.Tensor({2})}), StatusCode::kUnsupportedOp,
            "SHAPE");
  }
  {
    OneOp& op = Fresh();
    const int x = op.Tensor({2, 2});
    const int order = op.Constant({2}, {1, 0});
    Refused(test, op.Op(39, {x, order}, {op.Same({2, 2}, 0)}),
            StatusCode::kNoPlan, "TRANSPOSE in place");
  }
}

constexpr TestCase kTests[] = {
    {"refuses_shapes", TestRefusesShapes},
    {"refuses_channels", TestRefusesChannels},
    {"refuses_parameters", TestRefusesParameters},
    {"refuses_types_and_counts", TestRefusesTypesAndCounts},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
