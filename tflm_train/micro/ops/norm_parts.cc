// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/norm_parts.h"

#include <initializer_list>

#include "tflm_train/micro/ops/norm_shape.h"
#include "tflm_train/micro/ops/ops.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;
constexpr int64_t kWorkPerElement = 12;

}  // namespace

void Moments(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor mean = op.Output(0, kFloat, 2);
  const Tensor variance = op.Output(1, kFloat, 2);
  const NormShape shape = ShapeOfNorm(op, x, mean, kWorkPerElement);
  ExpectOneALine(op, shape, mean);
  ExpectOneALine(op, shape, variance);
  if (!op.Ready()) return;
  biotrain::Moments(x.floats(), shape.batch * shape.channels, shape.spatial,
                    mean.floats(), variance.floats());
}

void Normalise(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor gamma = op.Input(1, kFloat);
  const Tensor beta = op.Input(2, kFloat);
  const Tensor mean = op.Input(3, kFloat);
  const Tensor variance = op.Input(4, kFloat);
  const Tensor y = op.Output(0, kFloat);
  const NormShape shape = ShapeOfNorm(op, x, mean, kWorkPerElement);
  op.ExpectVector(gamma, shape.channels, "gamma");
  op.ExpectVector(beta, shape.channels, "beta");
  op.ExpectSameShape(mean, variance, "variance");
  op.ExpectSameShape(x, y, "output");
  const float epsilon = op.FloatOption("epsilon");
  if (!op.Ready()) return;
  biotrain::Normalise(shape, x.floats(), gamma.floats(), beta.floats(),
                      mean.floats(), variance.floats(), epsilon, y.floats());
}

void NormGradSums(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor mean = op.Input(1, kFloat);
  const Tensor variance = op.Input(2, kFloat);
  const Tensor dy = op.Input(3, kFloat);
  const Tensor dgamma = op.Output(0, kFloat);
  const Tensor dbeta = op.Output(1, kFloat);
  const NormShape shape = ShapeOfNorm(op, x, mean, kWorkPerElement);
  op.ExpectSameShape(mean, variance, "variance");
  op.ExpectSameShape(x, dy, "dy");
  ExpectOneALine(op, shape, dgamma);
  ExpectOneALine(op, shape, dbeta);
  const float epsilon = op.FloatOption("epsilon");
  if (!op.Ready()) return;
  biotrain::NormGradSums(shape, x.floats(), mean.floats(), variance.floats(),
                         dy.floats(), epsilon, dgamma.floats(), dbeta.floats());
}

void NormGradInput(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor gamma = op.Input(1, kFloat);
  const Tensor mean = op.Input(2, kFloat);
  const Tensor variance = op.Input(3, kFloat);
  const Tensor mean_dy = op.Input(4, kFloat);
  const Tensor mean_product = op.Input(5, kFloat);
  const Tensor dy = op.Input(6, kFloat);
  const Tensor dx = op.Output(0, kFloat);
  const NormShape shape = ShapeOfNorm(op, x, mean, kWorkPerElement);
  op.ExpectVector(gamma, shape.channels, "gamma");
  for (const Tensor* statistic : {&variance, &mean_dy, &mean_product}) {
    op.ExpectSameShape(mean, *statistic, "statistic");
  }
  op.ExpectSameShape(x, dy, "dy");
  op.ExpectSameShape(x, dx, "dx");
  const float epsilon = op.FloatOption("epsilon");
  if (!op.Ready()) return;
  biotrain::NormGradInput(shape, x.floats(), gamma.floats(), mean.floats(),
                          variance.floats(), mean_dy.floats(),
                          mean_product.floats(), dy.floats(), epsilon,
                          dx.floats());
}

}  // namespace ops
}  // namespace biotrain
