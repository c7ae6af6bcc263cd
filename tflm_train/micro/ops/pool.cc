// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/pool.h"

#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/ops/window.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;

void CountPool(OpContext& op, const Tensor& small, const Tensor& large,
               int32_t filter_h, int32_t filter_w) {
  // At most 2^31 outputs, 2^14 rows and 2^14 columns: below 2^63.
  op.CountWork(int64_t{4} * small.elements * filter_h * filter_w);
  op.CountWork(int64_t{4} * large.elements);
}

// A byte says where in a window.
void ExpectIndexed(OpContext& op, int32_t filter_h, int32_t filter_w) {
  const int64_t window = int64_t{filter_h} * filter_w;
  op.ExpectShape(window <= kMostIndexed, "window", kMostIndexed, window);
}

using Kernel = void(const PoolGeometry& g, const float* x,
                    Activation activation, float* y);

template <Kernel kernel>
void Pool2D(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor y = op.Output(0, kFloat, 4);
  const int32_t filter_h = op.IntOption("filter_h");
  const int32_t filter_w = op.IntOption("filter_w");
  const Activation activation = CustomActivation(op);
  const PoolGeometry g =
      MakePoolGeometry(op, CustomPoolOptions(op), x, filter_h, filter_w, y);
  if (!op.ok()) return;
  CountPool(op, y, x, filter_h, filter_w);
  if (!op.Ready()) return;
  kernel(g, x.floats(), activation, y.floats());
}

}  // namespace

void AveragePool2D(OpContext& op) { Pool2D<biotrain::AveragePool2D>(op); }

// With a second input gamma [C], what it makes the largest.
void MaxPool2D(OpContext& op) {
  if (!op.HasInput(1)) return Pool2D<biotrain::MaxPool2D>(op);
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor gamma = op.Input(1, kFloat);
  const Tensor y = op.Output(0, kFloat, 4);
  const int32_t filter_h = op.IntOption("filter_h");
  const int32_t filter_w = op.IntOption("filter_w");
  const Activation activation = CustomActivation(op);
  op.Expect(activation == Activation::kNone, StatusCode::kUnsupportedOp,
            "activation");
  const PoolGeometry g =
      MakePoolGeometry(op, CustomPoolOptions(op), x, filter_h, filter_w, y);
  op.ExpectVector(gamma, g.channels, "gamma");
  if (!op.ok()) return;
  CountPool(op, y, x, filter_h, filter_w);
  if (!op.Ready()) return;
  biotrain::PeakPool2D(g, x.floats(), gamma.floats(), y.floats());
}

void AveragePool2DGrad(OpContext& op) {
  const Tensor dy = op.Input(0, kFloat, 4);
  const Tensor dx = op.Output(0, kFloat, 4);
  const int32_t filter_h = op.IntOption("filter_h");
  const int32_t filter_w = op.IntOption("filter_w");
  const PoolGeometry g =
      MakePoolGeometry(op, CustomPoolOptions(op), dx, filter_h, filter_w, dy);
  if (!op.ok()) return;
  CountPool(op, dy, dx, filter_h, filter_w);
  if (!op.Ready()) return;
  biotrain::AveragePool2DGrad(g, dy.floats(), dx.floats());
}

void MaxPool2DGrad(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor y = op.Input(1, kFloat, 4);
  const Tensor dy = op.Input(2, kFloat, 4);
  const Tensor dx = op.Output(0, kFloat, 4);
  const int32_t filter_h = op.IntOption("filter_h");
  const int32_t filter_w = op.IntOption("filter_w");
  const PoolGeometry g =
      MakePoolGeometry(op, CustomPoolOptions(op), x, filter_h, filter_w, dy);
  op.ExpectSameShape(dy, y, "pool_output");
  op.ExpectSameShape(x, dx, "pool_input");
  if (!op.ok()) return;
  CountPool(op, dy, dx, filter_h, filter_w);
  if (!op.Ready()) return;
  biotrain::MaxPool2DGrad(g, x.floats(), y.floats(), dy.floats(), dx.floats());
}

void MaxPool2DIndices(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor y = op.Input(1, kFloat, 4);
  const Tensor indices = op.Output(0, TensorType::kUint8, 4);
  const int32_t filter_h = op.IntOption("filter_h");
  const int32_t filter_w = op.IntOption("filter_w");
  const PoolGeometry g =
      MakePoolGeometry(op, CustomPoolOptions(op), x, filter_h, filter_w, y);
  op.ExpectSameShape(y, indices, "indices");
  ExpectIndexed(op, filter_h, filter_w);
  if (!op.ok()) return;
  CountPool(op, y, x, filter_h, filter_w);
  if (!op.Ready()) return;
  biotrain::MaxPool2DIndices(g, x.floats(), y.floats(), indices.small_counts());
}

void MaxPool2DGradOfIndices(OpContext& op) {
  const Tensor indices = op.Input(0, TensorType::kUint8, 4);
  const Tensor dy = op.Input(1, kFloat, 4);
  const Tensor dx = op.Output(0, kFloat, 4);
  const int32_t filter_h = op.IntOption("filter_h");
  const int32_t filter_w = op.IntOption("filter_w");
  const PoolGeometry g =
      MakePoolGeometry(op, CustomPoolOptions(op), dx, filter_h, filter_w, dy);
  op.ExpectSameShape(dy, indices, "indices");
  ExpectIndexed(op, filter_h, filter_w);
  if (!op.ok()) return;
  CountPool(op, dy, dx, filter_h, filter_w);
  if (!op.Ready()) return;
  biotrain::MaxPool2DGradOfIndices(g, indices.small_counts(), dy.floats(),
                                   dx.floats());
}

}  // namespace ops
}  // namespace biotrain
