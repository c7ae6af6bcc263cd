// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/elementwise.h"

#include <initializer_list>

#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

constexpr int kCapacity = 512;

// y[4,3,5] of a and b, either of which may be repeated along dims.
struct Operands {
  const char* name;
  int a_strides[3];
  int b_strides[3];
};

constexpr int kDims[] = {4, 3, 5};
constexpr int kElements = 60;
constexpr Operands kOperands[] = {
    {"same", {15, 5, 1}, {15, 5, 1}},  {"row", {15, 5, 1}, {0, 0, 1}},
    {"scalar", {15, 5, 1}, {0, 0, 0}}, {"column", {3, 1, 0}, {15, 5, 1}},
    {"outer", {1, 0, 0}, {0, 5, 1}},   {"middle", {15, 5, 1}, {0, 1, 0}},
};

StridedLoop MakeLoop(const Operands& operands) {
  StridedLoop loop;
  loop.rank = 3;
  loop.operands = 3;
  int stride = 1;
  for (int d = 2; d >= 0; --d) {
    loop.dims[d] = kDims[d];
    loop.strides[0][d] = stride;
    loop.strides[1][d] = operands.a_strides[d];
    loop.strides[2][d] = operands.b_strides[d];
    stride *= kDims[d];
  }
  loop.Collapse();
  return loop;
}

int Offset(int element, const int* strides) {
  return element / 15 * strides[0] + element / 5 % 3 * strides[1] +
         element % 5 * strides[2];
}

double Apply(BinaryOp op, double p, double q) {
  switch (op) {
    case BinaryOp::kAdd:
      return p + q;
    case BinaryOp::kSub:
      return p - q;
    case BinaryOp::kMul:
      return p * q;
    case BinaryOp::kDiv:
      return p / q;
    case BinaryOp::kMinimum:
      return p < q ? p : q;
    case BinaryOp::kMaximum:
      return p > q ? p : q;
    case BinaryOp::kSquaredDifference:
      return (p - q) * (p - q);
  }
  return 0.0;
}

void TestBinaryBroadcasts(TestContext& test) {
  float a[kCapacity], b[kCapacity];
  double want[kElements];
  TestRandom random(1);
  random.Fill(a, kCapacity);
  random.Fill(b, kCapacity);
  for (int op = 0; op < 7; ++op) {
    for (const Operands& operands : kOperands) {
      const StridedLoop loop = MakeLoop(operands);
      for (int i = 0; i < kElements; ++i) {
        want[i] = Apply(static_cast<BinaryOp>(op),
                        static_cast<double>(a[Offset(i, operands.a_strides)]),
                        static_cast<double>(b[Offset(i, operands.b_strides)]));
      }
      GuardedArray<kElements> y(kElements);
      BinaryFloat(static_cast<BinaryOp>(op), loop, a, b, Activation::kNone,
                  y.data());
      test.ExpectNear(y.data(), want, kElements, tolerance::kActivation,
                      operands.name);
      y.ExpectIntact(test);
    }
  }
}

void TestActivationAndInPlace(TestContext& test) {
  float a[kElements], b[kElements], want[kElements];
  TestRandom random(2);
  random.Fill(a, kElements);
  random.Fill(b, kElements);
  const StridedLoop loop = MakeLoop(kOperands[0]);
  for (int i = 0; i < kElements; ++i) {
    a[i] *= 8.0f;
    const float sum = a[i] + b[i];
    want[i] = sum < 0.0f ? 0.0f : sum > 6.0f ? 6.0f : sum;
  }
  BinaryFloat(BinaryOp::kAdd, loop, a, b, Activation::kRelu6, a);
  test.ExpectSameBits(a, want, kElements, "relu6 in place");
  const float nan = __builtin_nanf("");
  StridedLoop one;
  one.Collapse();
  for (const BinaryOp op : {BinaryOp::kMinimum, BinaryOp::kMaximum}) {
    const float number = 1.0f;
    float y = 0.0f;
    BinaryFloat(op, one, &nan, &number, Activation::kNone, &y);
    test.Expect(y != y, "nan left");
    BinaryFloat(op, one, &number, &nan, Activation::kNone, &y);
    test.Expect(y != y, "nan right");
  }
}

void TestIntegersWrapAround(TestContext& test) {
  const int32_t a[] = {INT32_MAX, INT32_MIN, 65536};
  const int32_t b[] = {1, 1, 65536};
  int32_t y[3];
  StridedLoop loop;
  loop.rank = 1;
  loop.operands = 3;
  loop.dims[0] = 3;
  for (int o = 0; o < 3; ++o) loop.strides[o][0] = 1;
  BinaryInt32(BinaryOp::kAdd, loop, a, b, y);
  test.ExpectEqual(y[0], INT32_MIN, "add");
  BinaryInt32(BinaryOp::kSub, loop, a, b, y);
  test.ExpectEqual(y[1], INT32_MAX, "sub");
  BinaryInt32(BinaryOp::kMul, loop, a, b, y);
  test.ExpectEqual(y[2], 0, "mul");
}

void TestComparisonsAndSelect(TestContext& test) {
  const float a[] = {1.0f, 2.0f, 3.0f, -0.0f};
  const float b[] = {2.0f, 2.0f, 1.0f, 0.0f};
  constexpr uint8_t kWant[6][4] = {{0, 1, 0, 1}, {1, 0, 1, 0}, {0, 0, 1, 0},
                                   {0, 1, 1, 1}, {1, 0, 0, 0}, {1, 1, 0, 1}};
  StridedLoop loop;
  loop.rank = 1;
  loop.operands = 4;
  loop.dims[0] = 4;
  for (int o = 0; o < 4; ++o) loop.strides[o][0] = 1;
  uint8_t y[4];
  for (int op = 0; op < 6; ++op) {
    CompareFloat(static_cast<CompareOp>(op), loop, a, b, y);
    for (int i = 0; i < 4; ++i) test.ExpectEqual(y[i], kWant[op][i], "compare");
  }
  // Any byte but 0 is true.
  const uint8_t condition[] = {0, 255, 2, 0};
  float selected[4];
  SelectFloat(loop, condition, a, b, selected);
  const float want[] = {2.0f, 2.0f, 3.0f, 0.0f};
  test.ExpectSameBits(selected, want, 4, "select");
  LogicalNot(condition, 4, y);
  for (int i = 0; i < 4; ++i) {
    test.ExpectEqual(y[i], condition[i] == 0, "not");
  }
  const uint8_t other[] = {1, 0, 7, 0};
  Logical(LogicalOp::kAnd, loop, condition, other, y);
  test.ExpectEqual(y[0] + 2 * y[1] + 4 * y[2] + 8 * y[3], 4, "and");
  Logical(LogicalOp::kOr, loop, condition, other, y);
  test.ExpectEqual(y[0] + 2 * y[1] + 4 * y[2] + 8 * y[3], 7, "or");
}

void TestUnary(TestContext& test) {
  const float x[] = {0.25f, 4.0f, 2.5f};
  float y[3];
  Unary(UnaryOp::kSqrt, x, 3, y);
  const double roots[] = {0.5, 2.0, 1.5811388300841898};
  test.ExpectNear(y, roots, 3, tolerance::kActivation, "sqrt");
  Unary(UnaryOp::kRsqrt, x, 3, y);
  const double inverse_roots[] = {2.0, 0.5, 0.6324555320336759};
  test.ExpectNear(y, inverse_roots, 3, tolerance::kActivation, "rsqrt");
  Unary(UnaryOp::kExp, x, 3, y);
  const double powers[] = {1.2840254166877414, 54.598150033144236,
                           12.182493960703473};
  test.ExpectNear(y, powers, 3, tolerance::kActivation, "exp");
  Unary(UnaryOp::kLog, x, 3, y);
  const double logs[] = {-1.3862943611198906, 1.3862943611198906,
                         0.9162907318741551};
  test.ExpectNear(y, logs, 3, tolerance::kActivation, "log");
  Unary(UnaryOp::kSquare, x, 3, y);
  const double squares[] = {0.0625, 16.0, 6.25};
  test.ExpectNear(y, squares, 3, 0.0, "square");
  const float signs[] = {-2.5f, 2.5f, -0.0f};
  Unary(UnaryOp::kNeg, signs, 3, y);
  const float negated[] = {2.5f, -2.5f, 0.0f};
  test.ExpectSameBits(y, negated, 3, "neg");
  Unary(UnaryOp::kAbs, signs, 3, y);
  const float magnitudes[] = {2.5f, 2.5f, 0.0f};
  test.ExpectSameBits(y, magnitudes, 3, "abs");
  Unary(UnaryOp::kFloor, signs, 3, y);
  const float floors[] = {-3.0f, 2.0f, -0.0f};
  test.ExpectSameBits(y, floors, 3, "floor");
}

void TestAddN(TestContext& test) {
  const float a[] = {1.0f, 2.0f}, b[] = {3.0f, 4.0f};
  float c[] = {5.0f, 6.0f};
  const float* const inputs[] = {a, b, c};
  AddN(inputs, 3, 2, c);
  const float want[] = {9.0f, 12.0f};
  test.ExpectSameBits(c, want, 2, "over an input");
}

void TestCasts(TestContext& test) {
  const float x[] = {-1.9f, 1.9f, 3e9f, -3e9f, __builtin_nanf("")};
  constexpr int32_t kWant[] = {-1, 1, INT32_MAX, INT32_MIN, 0};
  int32_t ints[5];
  CastFloatToInt32(x, 5, ints);
  for (int i = 0; i < 5; ++i) test.ExpectEqual(ints[i], kWant[i], "to int");
  float floats[5];
  CastInt32ToFloat(ints, 2, floats);
  const float want[] = {-1.0f, 1.0f};
  test.ExpectSameBits(floats, want, 2, "to float");
  const uint8_t bools[] = {0, 3};
  CastBoolToFloat(bools, 2, floats);
  const float zero_one[] = {0.0f, 1.0f};
  test.ExpectSameBits(floats, zero_one, 2, "bool to float");
  CastBoolToInt32(bools, 2, ints);
  test.ExpectEqual(ints[0] * 10 + ints[1], 1, "bool to int");
  uint8_t flags[2];
  CastFloatToBool(zero_one, 2, flags);
  test.ExpectEqual(flags[0] * 10 + flags[1], 1, "float to bool");
  CastInt32ToBool(ints, 2, flags);
  test.ExpectEqual(flags[0] * 10 + flags[1], 1, "int to bool");
}

constexpr TestCase kTests[] = {
    {"binary_broadcasts", TestBinaryBroadcasts},
    {"activation_and_in_place", TestActivationAndInPlace},
    {"integers_wrap_around", TestIntegersWrapAround},
    {"comparisons_and_select", TestComparisonsAndSelect},
    {"unary", TestUnary},
    {"add_n", TestAddN},
    {"casts", TestCasts},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
