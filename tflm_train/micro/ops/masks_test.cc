// SPDX-License-Identifier: Apache-2.0
// Bits and indices that gradients are computed from: what ops make of them, and
// what they refuse.
#include "tflm_train/micro/ops/one_op_test.h"

namespace biotrain {
namespace {

constexpr TensorType kByte = TensorType::kUint8;
constexpr StatusCode kShape = StatusCode::kBadShape;

int Bytes(OneOp& op, Shape shape, int slot,
          std::initializer_list<uint8_t> values) {
  const int tensor = op.Tensor(shape, kByte);
  int i = 0;
  for (const uint8_t v : values) op.Slot<uint8_t>(slot)[i++] = v;
  return tensor;
}

void ExpectBytes(TestContext& test, OneOp& op, int slot,
                 std::initializer_list<uint8_t> want, const char* what) {
  test.ExpectEqual(static_cast<int>(op.Run().code), 0, what);
  int i = 0;
  for (const int byte : want) {
    test.ExpectEqual(static_cast<int>(op.Slot<uint8_t>(slot)[i++]), byte, what);
  }
}

// Two rows of ten: two bytes each.
void TestBits(TestContext& test) {
  const auto Of = [&test](const char* name,
                          std::initializer_list<uint8_t> want) {
    OneOp& op = Fresh();
    const int y = op.In({2, 10}, {1, 0, -1, 7, 2, 0, 0, 6, 5, 9,  //
                                  0, 3, 0,  0, 0, 0, 0, 0, 0, 1});
    op.Custom(name, {y}, {op.Tensor({2, 2}, kByte)});
    ExpectBytes(test, op, 1, want, name);
  };
  Of("BiotrainReluBits", {0x99, 0x03, 0x02, 0x02});
  Of("BiotrainRelu6Bits", {0x11, 0x01, 0x02, 0x02});
  {
    OneOp& op = Fresh();
    const int bits = Bytes(op, {2, 1}, 0, {0x05, 0xfe});
    const int dy = op.In({2, 3}, {1, 2, 3, 4, 5, 6});
    Expect(test,
           op.Custom("BiotrainReluGradOfBits", {bits, dy}, {op.Tensor({2, 3})}),
           2, {1, 0, 3, 0, 5, 6}, "BiotrainReluGradOfBits");
  }
  {
    OneOp& op = Fresh();
    op.flex.Float("alpha", 0.5f);
    const int bits = Bytes(op, {2, 1}, 0, {0x05, 0xfe});
    const int dy = op.In({2, 3}, {1, 2, 3, 4, 5, 6});
    Expect(test,
           op.Custom("BiotrainLeakyReluGradOfBits", {bits, dy},
                     {op.Same({2, 3}, 1)}),
           1, {1, 1, 3, 2, 5, 6}, "BiotrainLeakyReluGradOfBits in place");
  }
}

void TestRefusesBits(TestContext& test) {
  const auto Forward = [&test](Shape y, Shape bits, TensorType type,
                               StatusCode code, const char* what) {
    OneOp& op = Fresh();
    const int in = op.Tensor(y);
    op.Custom("BiotrainReluBits", {in}, {op.Tensor(bits, type)});
    Refused(test, op, code, what);
  };
  Forward({2, 9}, {2, 2}, kByte, StatusCode::kOk, "fits");
  Forward({2, 9}, {2, 1}, kByte, kShape, "a bit without a byte");
  Forward({2, 8}, {2, 2}, kByte, kShape, "a byte more");
  Forward({2, 8}, {2}, kByte, kShape, "bits in one row");
  Forward({}, {}, kByte, kShape, "no row");
  Forward({2, 8}, {2, 1}, kBool, StatusCode::kBadType, "bools");
  const auto Grad = [&test](Shape bits, Shape dy, Shape dx, StatusCode code,
                            const char* what) {
    OneOp& op = Fresh();
    const int in = op.Tensor(bits, kByte);
    const int slope = op.Tensor(dy);
    op.Custom("BiotrainReluGradOfBits", {in, slope}, {op.Tensor(dx)});
    Refused(test, op, code, what);
  };
  Grad({2, 2}, {2, 9}, {2, 9}, StatusCode::kOk, "fits");
  Grad({2, 1}, {2, 9}, {2, 9}, kShape, "bits too short");
  Grad({1, 2}, {2, 9}, {2, 9}, kShape, "rows of bits");
  Grad({2, 2}, {2, 9}, {9, 2}, kShape, "dx");
  OneOp& op = Fresh();
  const int in = op.Tensor({2, 1}, kByte);
  const int slope = op.Tensor({2, 8});
  op.Custom("BiotrainLeakyReluGradOfBits", {in, slope}, {op.Tensor({2, 8})});
  test.Expect(!op.Run().ok(), "no alpha");
}

void Pool(OneOp& op, int32_t filter_h, int32_t filter_w) {
  op.flex.String("padding", "VALID").Int("stride_h", filter_h);
  op.flex.Int("stride_w", filter_w);
  op.flex.Int("filter_h", filter_h).Int("filter_w", filter_w);
}

void TestIndices(TestContext& test) {
  {
    OneOp& op = Fresh();
    Pool(op, 2, 2);
    const int x = op.In({1, 1, 2, 6}, {1, 2, 5, 5, -1, -2,  //
                                       4, 3, 5, 0, -3, -4});
    const int y = op.In({1, 1, 1, 3}, {4, 5, 0});
    const int indices = op.Tensor({1, 1, 1, 3}, kByte);
    op.Custom("BiotrainMaxPool2DIndices", {x, y}, {indices});
    ExpectBytes(test, op, 2, {2, 0, 255}, "BiotrainMaxPool2DIndices");
  }
  const auto Grad = [](std::initializer_list<uint8_t> at) -> OneOp& {
    OneOp& op = Fresh();
    Pool(op, 2, 2);
    const int indices = Bytes(op, {1, 1, 1, 3}, 0, at);
    const int dy = op.In({1, 1, 1, 3}, {7, 8, 9});
    return op.Custom("BiotrainMaxPool2DGradOfIndices", {indices, dy},
                     {op.Tensor({1, 1, 2, 6})});
  };
  Expect(test, Grad({2, 0, 3}), 2, {0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 0, 9},
         "gradient of indices");
  Expect(test, Grad({4, 255, 128}), 2, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
         "indices that are in no window");
}

void TestRefusesIndices(TestContext& test) {
  const auto Forward = [&test](Shape y, Shape indices, TensorType type,
                               StatusCode code, const char* what) {
    OneOp& op = Fresh();
    Pool(op, 1, 2);
    const int in = op.Tensor({1, 2, 1, 4});
    const int out = op.Tensor(y);
    op.Custom("BiotrainMaxPool2DIndices", {in, out},
              {op.Tensor(indices, type)});
    Refused(test, op, code, what);
  };
  Forward({1, 2, 1, 2}, {1, 2, 1, 2}, kByte, StatusCode::kOk, "fits");
  Forward({1, 2, 1, 2}, {1, 2, 1, 1}, kByte, kShape, "too few indices");
  Forward({1, 2, 1, 4}, {1, 2, 1, 4}, kByte, kShape, "too many outputs");
  Forward({1, 2, 1, 2}, {1, 2, 1, 2}, kInt, StatusCode::kBadType, "int32");
  const auto Grad = [&test](int32_t filter, Shape indices, Shape dx,
                            StatusCode code, const char* what) {
    OneOp& op = Fresh();
    Pool(op, filter, filter);
    const int in = op.Tensor(indices, kByte);
    const int dy = op.Tensor({1, 2, 1, 2});
    op.Custom("BiotrainMaxPool2DGradOfIndices", {in, dy}, {op.Tensor(dx)});
    Refused(test, op, code, what);
  };
  Grad(2, {1, 2, 1, 2}, {1, 2, 2, 5}, StatusCode::kOk, "fits");
  Grad(2, {1, 2, 1, 3}, {1, 2, 2, 5}, kShape, "indices and dy");
  Grad(2, {1, 2, 1, 2}, {1, 2, 2, 6}, kShape, "dx and dy");
  OneOp& op = Fresh();
  Pool(op, 16, 16);
  const int in = op.Tensor({1, 1, 1, 1}, kByte);
  const int dy = op.Tensor({1, 1, 1, 1});
  op.Custom("BiotrainMaxPool2DGradOfIndices", {in, dy},
            {op.Tensor({1, 1, 16, 16})});
  Refused(test, op, kShape, "a window of 256");
}

constexpr TestCase kTests[] = {
    {"bits", TestBits},
    {"refuses_bits", TestRefusesBits},
    {"indices", TestIndices},
    {"refuses_indices", TestRefusesIndices},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
