// SPDX-License-Identifier: Apache-2.0
// Ops give what they should: each alone, in a model of one op.
#include "tflm_train/micro/ops/one_op_test.h"

namespace biotrain {
namespace {

void TestElementwise(TestContext& test) {
  {
    OneOp& op = Fresh();
    const int a = op.In({2, 2}, {1, 2, 3, 4});
    const int b = op.In({2}, {10, -20});
    Expect(test, op.Op(0, {a, b}, {op.Tensor({2, 2})}, {{0, 1}}), 2,
           {11, 0, 13, 0}, "ADD with RELU");
  }
  {
    OneOp& op = Fresh();
    const int a = op.In({2, 2}, {1, 2, 3, 4});
    const int b = op.In({2}, {1, 2});
    Expect(test, op.Op(41, {a, b}, {op.Same({2, 2}, 0)}), 0, {0, 0, 2, 2},
           "SUB in place");
  }
  {
    OneOp& op = Fresh();
    const int c = op.Bools({2, 1}, {1, 0});
    const int a = op.In({2}, {1, 2});
    const int b = op.In({}, {9});
    Expect(test, op.Op(123, {c, a, b}, {op.Tensor({2, 2})}), 3, {1, 2, 9, 9},
           "SELECT_V2");
  }
  {
    OneOp& op = Fresh();
    const int a = op.Ints({3}, {1, 2, 3});
    const int b = op.Ints({1}, {2});
    const int y = op.Tensor({3}, kBool);
    test.Expect(op.Op(63, {a, b}, {y}).Run().ok(), "LESS_EQUAL");
    const uint8_t* const got = op.Slot<uint8_t>(2);
    test.ExpectEqual(got[0] + 2 * got[1] + 4 * got[2], 3, "LESS_EQUAL");
  }
  {
    OneOp& op = Fresh();
    const int x = op.Ints({2}, {-3, 4});
    Expect(test, op.Op(53, {x}, {op.Tensor({2})}), 1, {-3, 4}, "CAST");
  }
  {
    OneOp& op = Fresh();
    const int a = op.In({2}, {1, 2});
    const int b = op.In({2}, {3, 4});
    Expect(test, op.Op(106, {a, b, a}, {op.Tensor({2})}), 2, {5, 8}, "ADD_N");
  }
  {
    OneOp& op = Fresh();
    const int x = op.In({2}, {-2, 2});
    int32_t half;
    const float alpha = 0.5f;
    std::memcpy(&half, &alpha, 4);
    Expect(test, op.Op(98, {x}, {op.Tensor({2})}, {{0, half}}), 1, {-1, 2},
           "LEAKY_RELU");
  }
}

void TestShapes(TestContext& test) {
  {
    OneOp& op = Fresh();
    const int x = op.In({2, 3}, {1, 2, 3, 4, 5, 6});
    const int order = op.Constant({2}, {1, 0});
    Expect(test, op.Op(39, {x, order}, {op.Tensor({3, 2})}), 1,
           {1, 4, 2, 5, 3, 6}, "TRANSPOSE");
  }
  {
    OneOp& op = Fresh();
    const int x = op.In({2, 2}, {1, 2, 3, 4});
    const int paddings = op.Constant({2, 2}, {1, 0, 0, 1});
    const int value = op.In({}, {9});
    Expect(test, op.Op(60, {x, paddings, value}, {op.Tensor({3, 3})}), 2,
           {9, 9, 9, 1, 2, 9, 3, 4, 9}, "PADV2");
  }
  {
    OneOp& op = Fresh();
    const int a = op.In({2, 1}, {1, 2});
    const int b = op.In({2, 2}, {3, 4, 5, 6});
    Expect(test, op.Op(2, {a, b}, {op.Tensor({2, 3})}, {{0, -1}}), 2,
           {1, 3, 4, 2, 5, 6}, "CONCATENATION");
  }
  {
    OneOp& op = Fresh();
    const int a = op.In({2}, {1, 2});
    const int b = op.In({2}, {3, 4});
    Expect(test, op.Op(83, {a, b}, {op.Tensor({2, 2})}, {{1, 1}}), 2,
           {1, 3, 2, 4}, "PACK");
  }
  {
    OneOp& op = Fresh();
    const int x = op.In({2, 3}, {1, 2, 3, 4, 5, 6});
    const int indices = op.Ints({2}, {2, 0});
    Expect(test, op.Op(36, {x, indices}, {op.Tensor({2, 2})}, {{0, 1}}), 2,
           {3, 1, 6, 4}, "GATHER");
  }
  {
    OneOp& op = Fresh();
    const int axis = op.Constant({}, {1});
    const int x = op.In({2, 2}, {1, 2, 3, 4});
    const int left = op.Tensor({2, 1});
    const int right = op.Tensor({2, 1});
    Expect(test, op.Op(49, {axis, x}, {left, right}), 2, {2, 4}, "SPLIT");
    test.ExpectNear(static_cast<double>(op.Slot<float>(1)[1]), 3, 0, "SPLIT");
  }
  {
    OneOp& op = Fresh();
    const int x = op.In({2, 1}, {1, 2});
    const int shape = op.Constant({2}, {2, 2});
    Expect(test, op.Op(130, {x, shape}, {op.Tensor({2, 2})}), 1, {1, 1, 2, 2},
           "BROADCAST_TO");
  }
  {
    OneOp& op = Fresh();
    const int shape = op.Constant({1}, {3});
    const int value = op.In({}, {7});
    Expect(test, op.Op(94, {shape, value}, {op.Tensor({3})}), 1, {7, 7, 7},
           "FILL");
  }
  {
    OneOp& op = Fresh();
    const int x = op.In({2, 3}, {1, 2, 3, 4, 5, 6});
    const int axes = op.Constant({1}, {-1});
    Expect(test, op.Op(40, {x, axes}, {op.Tensor({2, 1})}, {{0, 1}}), 1, {2, 5},
           "MEAN");
  }
}

void TestSlices(TestContext& test) {
  {
    OneOp& op = Fresh();
    const int x = op.In({2, 3}, {1, 2, 3, 4, 5, 6});
    const int begin = op.Constant({2}, {0, 1});
    const int size = op.Constant({2}, {-1, 2});
    Expect(test, op.Op(65, {x, begin, size}, {op.Tensor({2, 2})}), 1,
           {2, 3, 5, 6}, "SLICE");
  }
  struct Case {
    const char* what;
    Shape begin, end, stride;
    Shape output;
    int32_t begin_mask, end_mask, new_axis_mask, shrink_mask;
    std::initializer_list<float> want;
  };
  const Case cases[] = {
      {"x[0:2, 1:3]", {0, 1}, {2, 3}, {1, 1}, {2, 2}, 0, 0, 0, 0, {2, 3, 5, 6}},
      {"x[:, ::2]", {0, 0}, {0, 0}, {1, 2}, {2, 2}, 3, 3, 0, 0, {1, 3, 4, 6}},
      {"x[::-1]", {0}, {0}, {-1}, {2, 3}, 1, 1, 0, 0, {4, 5, 6, 1, 2, 3}},
      {"x[:, ::-2]", {0, 0}, {0, 0}, {1, -2}, {2, 2}, 3, 3, 0, 0, {3, 1, 6, 4}},
      {"x[1]", {1}, {2}, {1}, {3}, 0, 0, 0, 1, {4, 5, 6}},
      {"x[-1, -1]", {-1, -1}, {0, 0}, {1, 1}, {}, 0, 0, 0, 3, {6}},
      {"x[:, None, 0]",
       {0, 0, 0},
       {0, 0, 1},
       {1, 1, 1},
       {2, 1},
       1,
       1,
       2,
       4,
       {1, 4}},
      {"x[0:99]", {0}, {99}, {1}, {2, 3}, 0, 0, 0, 0, {1, 2, 3, 4, 5, 6}},
      {"x[0:1, huge step]",
       {0, 0},
       {1, 3},
       {1, INT32_MAX},
       {1, 1},
       0,
       0,
       0,
       0,
       {1}},
  };
  for (const Case& c : cases) {
    OneOp& op = Fresh();
    const int x = op.In({2, 3}, {1, 2, 3, 4, 5, 6});
    const int32_t count = static_cast<int32_t>(c.begin.size());
    const int begin = op.Constant({count}, c.begin);
    const int end = op.Constant({count}, c.end);
    const int stride = op.Constant({count}, c.stride);
    op.Op(45, {x, begin, end, stride}, {op.Tensor(c.output)},
          {{0, c.begin_mask},
           {1, c.end_mask},
           {3, c.new_axis_mask},
           {4, c.shrink_mask}});
    Expect(test, op, 1, c.want, c.what);
  }
}

void TestProducts(TestContext& test) {
  {
    OneOp& op = Fresh();
    const int x = op.In({1, 2}, {1, 2});
    const int w = op.In({3, 2}, {1, 0, 0, 1, 1, 1});
    const int bias = op.In({3}, {10, 20, 30});
    Expect(test, op.Op(9, {x, w, bias}, {op.Tensor({1, 3})}), 3, {11, 22, 33},
           "FULLY_CONNECTED");
  }
  {
    OneOp& op = Fresh();
    const int a = op.In({2, 1, 2}, {1, 2, 3, 4});
    const int b = op.In({2, 2}, {1, 2, 3, 4});
    Expect(test, op.Op(126, {a, b}, {op.Tensor({2, 1, 2})}, {{0, 0}, {1, 1}}),
           2, {5, 11, 11, 25}, "BATCH_MATMUL with a shared matrix");
  }
  {
    OneOp& op = Fresh();
    const int a = op.In({2, 1}, {1, 2});
    const int b = op.In({2, 2}, {1, 2, 3, 4});
    Expect(test, op.Op(126, {a, b}, {op.Tensor({1, 2})}, {{0, 1}}), 2, {7, 10},
           "BATCH_MATMUL transposed");
  }
}

// Two samples of two channels, each with two filters of its own.
void TestSampleFilters(TestContext& test) {
  const auto Options = [](OneOp& op) {
    op.flex.String("padding", "VALID").Int("stride_h", 1).Int("stride_w", 1);
    op.flex.Int("dilation_h", 1).Int("dilation_w", 1);
    op.flex.String("activation", "NONE");
  };
  const Shape x = {2, 2, 1, 1};
  const Shape w = {4, 2, 1, 1};
  const Shape y = {2, 2, 1, 1};
  {
    OneOp& op = Fresh();
    Options(op);
    const int in = op.In(x, {1, 2, 3, 4});
    const int filters = op.In(w, {1, 0, 0, 1, 10, 10, 1, -1});
    const int bias = op.In({4}, {100, 200, 300, 400});
    Expect(test,
           op.Custom("BiotrainConv2D", {in, filters, bias}, {op.Tensor(y)}), 3,
           {101, 202, 370, 399}, "BiotrainConv2D");
  }
  {
    OneOp& op = Fresh();
    Options(op);
    const int in = op.In(x, {1, 2, 3, 4});
    const int dy = op.In(y, {1, 10, 100, 1000});
    Expect(test,
           op.Custom("BiotrainConv2DGradFilter", {in, dy}, {op.Tensor(w)}), 2,
           {1, 2, 10, 20, 300, 400, 3000, 4000}, "BiotrainConv2DGradFilter");
  }
  {
    OneOp& op = Fresh();
    Options(op);
    const int filters = op.Tensor(w);
    const int dy = op.Tensor(y);
    Refused(test,
            op.Custom("BiotrainConv2DGradInput", {filters, dy}, {op.Tensor(x)}),
            StatusCode::kBadShape, "BiotrainConv2DGradInput");
  }
}

void TestTrainingOps(TestContext& test) {
  {
    OneOp& op = Fresh();
    op.flex.Float("epsilon", 0.0f);
    const int x = op.In({1, 2, 2}, {1, 3, 10, 12});
    const int gamma = op.In({2}, {2, 1});
    const int beta = op.In({2}, {10, 0});
    const int y = op.Tensor({1, 2, 2});
    const int mean = op.Tensor({2});
    Expect(test,
           op.Custom("BiotrainBatchNorm", {x, gamma, beta},
                     {y, mean, op.Tensor({2})}),
           3, {8, 12, -1, 1}, "BiotrainBatchNorm");
    test.ExpectNear(static_cast<double>(op.Slot<float>(4)[1]), 11, 0, "mean");
    test.ExpectNear(static_cast<double>(op.Slot<float>(5)[1]), 1, 0, "var");
  }
  {
    OneOp& op = Fresh();
    op.flex.Float("epsilon", 0.0f).Int("groups", 1);
    const int x = op.In({1, 3, 2}, {1, 3, 1, 3, 1, 3});
    const int gamma = op.In({3}, {2, 1, 0});
    const int beta = op.In({3}, {10, 0, 5});
    const int y = op.Tensor({1, 3, 2});
    const int mean = op.Tensor({1, 1});
    Expect(test,
           op.Custom("BiotrainGroupNorm", {x, gamma, beta},
                     {y, mean, op.Tensor({1, 1})}),
           3, {8, 12, -1, 1, 5, 5}, "BiotrainGroupNorm");
  }
  {
    OneOp& op = Fresh();
    op.flex.Float("rate", 0.0f).Int("layer", 1).Bool("spatial", false);
    const int x = op.In({1, 2}, {3, 4});
    const int step = op.Ints({}, {-5});
    const int seed = op.Ints({}, {INT32_MAX});
    Expect(test,
           op.Custom("BiotrainDropout", {x, step, seed}, {op.Tensor({1, 2})}),
           3, {3, 4}, "BiotrainDropout keeps all at rate 0");
  }
  {
    OneOp& op = Fresh();
    const int y = op.In({2}, {0, 1});
    const int dy = op.In({2}, {5, 6});
    Expect(test, op.Custom("BiotrainReluGrad", {y, dy}, {op.Tensor({2})}), 2,
           {0, 6}, "BiotrainReluGrad");
  }
}

// One query that prefers no key.
void TestTokenOps(TestContext& test) {
  {
    OneOp& op = Fresh();
    op.flex.Bool("causal", false).Float("scale", 2.0f);
    const int q = op.In({1, 1, 1, 1}, {0});
    const int k = op.In({1, 2, 1, 1}, {1, 3});
    const int v = op.In({1, 2, 1, 1}, {2, 4});
    const int y = op.Tensor({1, 1, 1, 1});
    Expect(
        test,
        op.Custom("BiotrainAttention", {q, k, v}, {y, op.Tensor({1, 1, 1, 2})}),
        3, {3}, "BiotrainAttention");
    test.ExpectNear(static_cast<double>(op.Slot<float>(4)[1]), 0.5, 0, "p");
  }
  {
    OneOp& op = Fresh();
    op.flex.Bool("causal", false).Float("scale", 2.0f);
    const int q = op.In({1, 1, 1, 1}, {0});
    const int k = op.In({1, 2, 1, 1}, {1, 3});
    const int v = op.In({1, 2, 1, 1}, {2, 4});
    const int y = op.In({1, 1, 1, 1}, {3});
    const int dy = op.In({1, 1, 1, 1}, {1});
    const int p = op.In({1, 1, 1, 2}, {0.5f, 0.5f});
    const int dq = op.Tensor({1, 1, 1, 1});
    const int dk = op.Tensor({1, 2, 1, 1});
    Expect(
        test,
        op.Custom("BiotrainAttentionGrad", {q, k, v, y, dy, p},
                  {op.Same({1, 1, 1, 2}, 5), dq, dk, op.Tensor({1, 2, 1, 1})}),
        5, {-1, 1}, "BiotrainAttentionGrad over its last input");
    test.ExpectNear(static_cast<double>(op.Slot<float>(6)[0]), 2, 0, "dq");
    test.ExpectNear(static_cast<double>(op.Slot<float>(8)[1]), 0.5, 0, "dv");
  }
  {
    OneOp& op = Fresh();
    const int x = op.In({2}, {0, -2});
    Expect(test, op.Custom("BiotrainGelu", {x}, {op.Tensor({2})}), 1,
           {0, -0.04550026f}, "BiotrainGelu");
  }
  {
    OneOp& op = Fresh();
    const int x = op.In({2}, {0, 1});
    const int dy = op.In({2}, {4, 1});
    Expect(test, op.Custom("BiotrainGeluGrad", {x, dy}, {op.Same({2}, 1)}), 1,
           {2, 1.0833155f}, "BiotrainGeluGrad in place");
  }
  {
    OneOp& op = Fresh();
    const int x = op.In({1}, {1});
    Expect(test, op.Custom("BiotrainGeluTanh", {x}, {op.Tensor({1})}), 1,
           {0.841192f}, "BiotrainGeluTanh");
  }
  {
    OneOp& op = Fresh();
    const int x = op.In({1}, {0});
    const int dy = op.In({1}, {4});
    Expect(test, op.Custom("BiotrainGeluTanhGrad", {x, dy}, {op.Tensor({1})}),
           2, {2}, "BiotrainGeluTanhGrad");
  }
  {
    OneOp& op = Fresh();
    const int x = op.In({2}, {3, -1});
    const int dy = op.In({2}, {5, 6});
    Expect(test, op.Custom("BiotrainSquareGrad", {x, dy}, {op.Tensor({2})}), 2,
           {30, -12}, "BiotrainSquareGrad");
  }
}

constexpr TestCase kTests[] = {
    {"elementwise", TestElementwise},
    {"shapes", TestShapes},
    {"slices", TestSlices},
    {"products", TestProducts},
    {"sample_filters", TestSampleFilters},
    {"training_ops", TestTrainingOps},
    {"token_ops", TestTokenOps},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
