// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/elementwise.h"

#include <cstring>

#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/ops/strides.h"
#include "tflm_train/micro/ops/window.h"
#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;
constexpr TensorType kInt = TensorType::kInt32;
constexpr TensorType kBool = TensorType::kBool;
// Broadcast loops have an inner dim of any length, down to one.
constexpr int64_t kWorkPerElement = 8;
constexpr int64_t kWorkPerFunction = 64;
constexpr int kMaxSummands = 32;

// Type of both inputs, float or integer.
void ExpectNumbers(OpContext& op, const Tensor& a, const Tensor& b) {
  op.Expect(a.type == kFloat || a.type == kInt, StatusCode::kBadType,
            "input_type", 0, static_cast<int>(a.type));
  op.Expect(a.type == b.type, StatusCode::kBadType, "input_type",
            static_cast<int>(a.type), static_cast<int>(b.type));
}

}  // namespace

void Binary(OpContext& op) {
  const Tensor a = op.Input(0);
  const Tensor b = op.Input(1);
  const Tensor y = op.Output(0, a.type);
  ExpectNumbers(op, a, b);
  const auto kind = op.variant<BinaryOp>();
  const bool fuses = kind == BinaryOp::kAdd || kind == BinaryOp::kSub ||
                     kind == BinaryOp::kMul || kind == BinaryOp::kDiv;
  const Activation activation =
      fuses ? ActivationOption(op, schema::arithmetic::kActivation)
            : Activation::kNone;
  const bool float_only =
      kind == BinaryOp::kDiv || kind == BinaryOp::kSquaredDifference;
  op.Expect(
      a.type == kFloat || (!float_only && activation == Activation::kNone),
      StatusCode::kUnsupportedOp, "integer_op");
  const StridedLoop loop = MakeBroadcast(op, y, {&a, &b});
  op.CountWork(kWorkPerElement * y.elements);
  if (!op.Ready()) return;
  if (a.type == kFloat) {
    BinaryFloat(kind, loop, a.floats(), b.floats(), activation, y.floats());
  } else {
    BinaryInt32(kind, loop, a.ints(), b.ints(), y.ints());
  }
}

void Compare(OpContext& op) {
  const Tensor a = op.Input(0);
  const Tensor b = op.Input(1);
  const Tensor y = op.Output(0, kBool);
  ExpectNumbers(op, a, b);
  const StridedLoop loop = MakeBroadcast(op, y, {&a, &b});
  op.CountWork(kWorkPerElement * y.elements);
  if (!op.Ready()) return;
  const auto kind = op.variant<CompareOp>();
  if (a.type == kFloat) {
    CompareFloat(kind, loop, a.floats(), b.floats(), y.bools());
  } else {
    CompareInt32(kind, loop, a.ints(), b.ints(), y.bools());
  }
}

void Logical(OpContext& op) {
  const Tensor a = op.Input(0, kBool);
  const Tensor b = op.Input(1, kBool);
  const Tensor y = op.Output(0, kBool);
  const StridedLoop loop = MakeBroadcast(op, y, {&a, &b});
  op.CountWork(kWorkPerElement * y.elements);
  if (!op.Ready()) return;
  biotrain::Logical(op.variant<LogicalOp>(), loop, a.bools(), b.bools(),
                    y.bools());
}

void LogicalNot(OpContext& op) {
  const Tensor x = op.Input(0, kBool);
  const Tensor y = op.Output(0, kBool);
  op.ExpectSameShape(x, y, "output");
  op.CountWork(x.elements);
  if (!op.Ready()) return;
  biotrain::LogicalNot(x.bools(), x.elements, y.bools());
}

void Select(OpContext& op) {
  const Tensor condition = op.Input(0, kBool);
  const Tensor a = op.Input(1);
  const Tensor b = op.Input(2);
  const Tensor y = op.Output(0, a.type);
  ExpectNumbers(op, a, b);
  const StridedLoop loop = MakeBroadcast(op, y, {&condition, &a, &b});
  op.CountWork(kWorkPerElement * y.elements);
  if (!op.Ready()) return;
  if (a.type == kFloat) {
    SelectFloat(loop, condition.bools(), a.floats(), b.floats(), y.floats());
  } else {
    SelectInt32(loop, condition.bools(), a.ints(), b.ints(), y.ints());
  }
}

void Unary(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor y = op.Output(0, kFloat);
  op.ExpectSameShape(x, y, "output");
  op.CountWork(kWorkPerFunction * x.elements);
  if (!op.Ready()) return;
  biotrain::Unary(op.variant<UnaryOp>(), x.floats(), x.elements, y.floats());
}

void AddN(OpContext& op) {
  const float* summands[kMaxSummands] = {};
  const Tensor y = op.Output(0, kFloat);
  op.Expect(op.inputs() <= kMaxSummands, StatusCode::kUnsupportedOp, "inputs",
            kMaxSummands, op.inputs());
  for (int i = 0; i < op.inputs() && op.ok(); ++i) {
    const Tensor x = op.Input(i, kFloat);
    op.ExpectSameShape(y, x, "input");
    summands[i] = x.floats();
  }
  op.CountWork(int64_t{4} * op.inputs() * y.elements);
  if (!op.Ready()) return;
  biotrain::AddN(summands, op.inputs(), y.elements, y.floats());
}

void Cast(OpContext& op) {
  const Tensor x = op.Input(0);
  const Tensor y = op.Output(0);
  op.ExpectSameShape(x, y, "output");
  op.CountWork(4 * int64_t{x.elements});
  if (!op.Ready()) return;
  const int n = x.elements;
  if (x.type == y.type) {
    std::memmove(y.data, x.data, x.bytes);
  } else if (x.type == kFloat && y.type == kInt) {
    CastFloatToInt32(x.floats(), n, y.ints());
  } else if (x.type == kInt && y.type == kFloat) {
    CastInt32ToFloat(x.ints(), n, y.floats());
  } else if (x.type == kBool && y.type == kFloat) {
    CastBoolToFloat(x.bools(), n, y.floats());
  } else if (x.type == kBool) {
    CastBoolToInt32(x.bools(), n, y.ints());
  } else if (x.type == kFloat) {
    CastFloatToBool(x.floats(), n, y.bools());
  } else {
    CastInt32ToBool(x.ints(), n, y.bools());
  }
}

}  // namespace ops
}  // namespace biotrain
