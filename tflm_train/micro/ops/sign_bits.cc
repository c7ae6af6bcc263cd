// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/sign_bits.h"

#include "tflm_train/micro/ops/ops.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;

// A bit for each element of a row, in whole bytes.
void ExpectRowsOfBits(OpContext& op, const Tensor& floats, const Tensor& bits) {
  if (!op.ok()) return;
  Tensor wanted = floats;
  op.ExpectShape(floats.rank > 0, "rank", 1, floats.rank);
  if (!op.ok()) return;
  wanted.dims[floats.rank - 1] = BitsInRow(floats.last_dim());
  op.ExpectSameShape(wanted, bits, "bits");
}

}  // namespace

template <ActivationKind kind>
void ActivationBits(OpContext& op) {
  const Tensor y = op.Input(0, kFloat);
  const Tensor bits = op.Output(0, TensorType::kUint8);
  ExpectRowsOfBits(op, y, bits);
  op.CountWork(4 * int64_t{y.elements});
  if (!op.Ready()) return;
  const int columns = y.last_dim();
  const int rows = y.elements / columns;
  if (kind == ActivationKind::kRelu6) {
    Relu6Bits(y.floats(), rows, columns, bits.small_counts());
  } else {
    ReluBits(y.floats(), rows, columns, bits.small_counts());
  }
}

template <ActivationKind kind>
void ActivationGradOfBits(OpContext& op) {
  constexpr bool kLeaky = kind == ActivationKind::kLeakyRelu;
  const Tensor bits = op.Input(0, TensorType::kUint8);
  const Tensor dy = op.Input(1, kFloat);
  const Tensor dx = op.Output(0, kFloat);
  ExpectRowsOfBits(op, dy, bits);
  op.ExpectSameShape(dy, dx, "output");
  const float alpha = kLeaky ? op.FloatOption("alpha") : 0.0f;
  op.CountWork(4 * int64_t{dy.elements});
  if (!op.Ready()) return;
  const int columns = dy.last_dim();
  const int rows = dy.elements / columns;
  if constexpr (kLeaky) {
    LeakyReluGradOfBits(bits.small_counts(), dy.floats(), rows, columns, alpha,
                        dx.floats());
  } else {
    ReluGradOfBits(bits.small_counts(), dy.floats(), rows, columns,
                   dx.floats());
  }
}

template void ActivationBits<ActivationKind::kRelu>(OpContext&);
template void ActivationBits<ActivationKind::kRelu6>(OpContext&);
template void ActivationGradOfBits<ActivationKind::kRelu>(OpContext&);
template void ActivationGradOfBits<ActivationKind::kLeakyRelu>(OpContext&);

}  // namespace ops
}  // namespace biotrain
