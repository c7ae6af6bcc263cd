// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/norm_pool.h"

#include <initializer_list>

#include "tflm_train/kernels/pool.h"
#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/ops/window.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;
// What BatchNorm, or its gradient, and a pool of windows side by side take.
constexpr int64_t kWorkPerElement = 24 + 8;

PoolGeometry RowsOfWindows(OpContext& op, const Tensor& x, const Tensor& y,
                           const Tensor& peak) {
  const int32_t filter_h = op.IntOption("filter_h");
  const int32_t filter_w = op.IntOption("filter_w");
  const PoolGeometry g =
      MakePoolGeometry(op, CustomPoolOptions(op), x, filter_h, filter_w, y);
  op.ExpectSameShape(y, peak, "peak");
  if (!op.ok()) return g;
  op.ExpectShape(IsOneRow(g), "windows_side_by_side", filter_w, g.stride_w);
  op.CountWork(kWorkPerElement * x.elements);
  return g;
}

}  // namespace

void BatchNormMaxPool(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor gamma = op.Input(1, kFloat);
  const Tensor beta = op.Input(2, kFloat);
  const Tensor y = op.Output(0, kFloat, 4);
  const Tensor mean = op.Output(1, kFloat);
  const Tensor variance = op.Output(2, kFloat);
  const Tensor peak = op.Output(3, kFloat, 4);
  const PoolGeometry g = RowsOfWindows(op, x, y, peak);
  for (const Tensor* vector : {&gamma, &beta, &mean, &variance}) {
    op.ExpectVector(*vector, g.channels, "channels");
  }
  const Activation activation = CustomActivation(op);
  const float epsilon = op.FloatOption("epsilon");
  if (!op.Ready()) return;
  biotrain::BatchNormMaxPool(g, x.floats(), gamma.floats(), beta.floats(),
                             epsilon, activation, y.floats(), mean.floats(),
                             variance.floats(), peak.floats());
}

void BatchNormMaxPoolGrad(OpContext& op) {
  const Tensor gamma = op.Input(0, kFloat);
  const Tensor mean = op.Input(1, kFloat);
  const Tensor variance = op.Input(2, kFloat);
  const Tensor peak = op.Input(3, kFloat, 4);
  const Tensor dy = op.Input(4, kFloat, 4);
  const Tensor x = op.Input(5, kFloat, 4);
  const Tensor dx = op.Output(0, kFloat, 4);
  const Tensor dgamma = op.Output(1, kFloat);
  const Tensor dbeta = op.Output(2, kFloat);
  const PoolGeometry g = RowsOfWindows(op, x, dy, peak);
  op.ExpectSameShape(x, dx, "dx");
  for (const Tensor* vector : {&gamma, &mean, &variance, &dgamma, &dbeta}) {
    op.ExpectVector(*vector, g.channels, "channels");
  }
  const float epsilon = op.FloatOption("epsilon");
  if (!op.Ready()) return;
  biotrain::BatchNormMaxPoolGrad(g, gamma.floats(), mean.floats(),
                                 variance.floats(), peak.floats(), dy.floats(),
                                 x.floats(), epsilon, dx.floats(),
                                 dgamma.floats(), dbeta.floats());
}

}  // namespace ops
}  // namespace biotrain
