// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/activation.h"

#include "tflm_train/kernels/gelu.h"
#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;
// An exponential costs about as much as this many multiply-adds.
constexpr int64_t kWorkPerElement = 32;

}  // namespace

template <ActivationKind kind>
void ActivationForward(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor y = op.Output(0, kFloat);
  op.ExpectSameShape(x, y, "output");
  const auto alpha = op.options().Number<float>(schema::leaky_relu::kAlpha);
  op.CountWork(kWorkPerElement * x.elements);
  if (!op.Ready()) return;
  const int n = x.elements;
  switch (kind) {
    case ActivationKind::kRelu:
      return Relu(x.floats(), n, y.floats());
    case ActivationKind::kRelu6:
      return Relu6(x.floats(), n, y.floats());
    case ActivationKind::kElu:
      return Elu(x.floats(), n, y.floats());
    case ActivationKind::kLeakyRelu:
      return LeakyRelu(x.floats(), n, alpha, y.floats());
    case ActivationKind::kTanh:
      return TanhForward(x.floats(), n, y.floats());
    case ActivationKind::kSigmoid:
      return Sigmoid(x.floats(), n, y.floats());
    case ActivationKind::kGelu:
      return Gelu(x.floats(), n, y.floats());
    case ActivationKind::kGeluTanh:
      return GeluTanh(x.floats(), n, y.floats());
    case ActivationKind::kSquare:
      break;
  }
}

// The saved tensor is the activation's output, or its input where that does not
// suffice: of LeakyRelu, Gelu and a square.
template <ActivationKind kind>
void ActivationGrad(OpContext& op) {
  const Tensor saved = op.Input(0, kFloat);
  const Tensor dy = op.Input(1, kFloat);
  const Tensor dx = op.Output(0, kFloat);
  op.ExpectSameShape(dy, saved, "saved");
  op.ExpectSameShape(dy, dx, "output");
  const float alpha =
      kind == ActivationKind::kLeakyRelu ? op.FloatOption("alpha") : 0.0f;
  op.CountWork(4 * int64_t{dy.elements});
  if (!op.Ready()) return;
  const int n = dy.elements;
  switch (kind) {
    case ActivationKind::kRelu:
      return ReluGrad(saved.floats(), dy.floats(), n, dx.floats());
    case ActivationKind::kRelu6:
      return Relu6Grad(saved.floats(), dy.floats(), n, dx.floats());
    case ActivationKind::kElu:
      return EluGrad(saved.floats(), dy.floats(), n, dx.floats());
    case ActivationKind::kLeakyRelu:
      return LeakyReluGrad(saved.floats(), dy.floats(), n, alpha, dx.floats());
    case ActivationKind::kTanh:
      return TanhGrad(saved.floats(), dy.floats(), n, dx.floats());
    case ActivationKind::kSigmoid:
      return SigmoidGrad(saved.floats(), dy.floats(), n, dx.floats());
    case ActivationKind::kGelu:
      return GeluGrad(saved.floats(), dy.floats(), n, dx.floats());
    case ActivationKind::kGeluTanh:
      return GeluTanhGrad(saved.floats(), dy.floats(), n, dx.floats());
    case ActivationKind::kSquare:
      return SquareGrad(saved.floats(), dy.floats(), n, dx.floats());
  }
}

template void ActivationForward<ActivationKind::kRelu>(OpContext&);
template void ActivationForward<ActivationKind::kRelu6>(OpContext&);
template void ActivationForward<ActivationKind::kElu>(OpContext&);
template void ActivationForward<ActivationKind::kLeakyRelu>(OpContext&);
template void ActivationForward<ActivationKind::kTanh>(OpContext&);
template void ActivationForward<ActivationKind::kSigmoid>(OpContext&);
template void ActivationGrad<ActivationKind::kRelu>(OpContext&);
template void ActivationGrad<ActivationKind::kRelu6>(OpContext&);
template void ActivationGrad<ActivationKind::kElu>(OpContext&);
template void ActivationGrad<ActivationKind::kLeakyRelu>(OpContext&);
template void ActivationGrad<ActivationKind::kTanh>(OpContext&);
template void ActivationGrad<ActivationKind::kSigmoid>(OpContext&);
template void ActivationForward<ActivationKind::kGelu>(OpContext&);
template void ActivationForward<ActivationKind::kGeluTanh>(OpContext&);
template void ActivationGrad<ActivationKind::kGelu>(OpContext&);
template void ActivationGrad<ActivationKind::kGeluTanh>(OpContext&);
template void ActivationGrad<ActivationKind::kSquare>(OpContext&);

}  // namespace ops
}  // namespace biotrain
