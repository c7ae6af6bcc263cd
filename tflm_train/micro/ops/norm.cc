// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/norm.h"

#include <initializer_list>

#include "tflm_train/micro/ops/ops.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;
// Statistics, with compensated sums, and the passes that use them.
constexpr int64_t kWorkPerElement = 24;

// x seen as [batch,channels,spatial] with `groups` groups of channels.
struct Groups {
  int batch;
  int channels;
  int spatial;
  int groups;
};

// x [B,C,...], the rest taken together. Complains at a rank below 2.
Groups Channels(OpContext& op, const Tensor& x) {
  op.ExpectShape(x.rank >= 2, "input_rank", 2, x.rank);
  if (!op.ok()) return {};
  return {x.dims[0], x.dims[1], x.elements / x.dims[0] / x.dims[1], 1};
}

Groups CheckGroups(OpContext& op, const Tensor& x, const Tensor& mean,
                   const Tensor& variance) {
  op.ExpectShape(x.rank >= 3, "input_rank", 3, x.rank);
  if (!op.ok()) return {};
  const int32_t groups = op.IntOption("groups");
  op.ExpectShape(groups >= 1 && groups <= x.dims[1], "groups", x.dims[1],
                 groups);
  op.ExpectShape(op.ok() && x.dims[1] % groups == 0, "groups", x.dims[1],
                 groups);
  for (const Tensor* statistic : {&mean, &variance}) {
    op.ExpectShape(statistic->rank == 2 && statistic->dims[0] == x.dims[0] &&
                       statistic->dims[1] == groups,
                   "statistics", int64_t{x.dims[0]} * groups,
                   statistic->elements);
  }
  return {x.dims[0], x.dims[1], x.elements / x.dims[0] / x.dims[1], groups};
}

}  // namespace

void BatchNorm(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor gamma = op.Input(1, kFloat);
  const Tensor beta = op.Input(2, kFloat);
  const Tensor y = op.Output(0, kFloat);
  const Tensor mean = op.Output(1, kFloat);
  const Tensor variance = op.Output(2, kFloat);
  const Groups g = Channels(op, x);
  op.ExpectVector(gamma, g.channels, "gamma");
  op.ExpectVector(beta, g.channels, "beta");
  op.ExpectSameShape(x, y, "output");
  op.ExpectVector(mean, g.channels, "mean");
  op.ExpectVector(variance, g.channels, "variance");
  const float epsilon = op.FloatOption("epsilon");
  op.CountWork(kWorkPerElement * x.elements);
  if (!op.Ready()) return;
  biotrain::BatchNorm(x.floats(), gamma.floats(), beta.floats(), g.batch,
                      g.channels, g.spatial, epsilon, y.floats(), mean.floats(),
                      variance.floats());
}

void BatchNormGrad(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor gamma = op.Input(1, kFloat);
  const Tensor mean = op.Input(2, kFloat);
  const Tensor variance = op.Input(3, kFloat);
  const Tensor dy = op.Input(4, kFloat);
  const Tensor dx = op.Output(0, kFloat);
  const Tensor dgamma = op.Output(1, kFloat);
  const Tensor dbeta = op.Output(2, kFloat);
  const Groups g = Channels(op, x);
  for (const Tensor* vector : {&gamma, &mean, &variance, &dgamma, &dbeta}) {
    op.ExpectVector(*vector, g.channels, "channels");
  }
  op.ExpectSameShape(x, dy, "dy");
  op.ExpectSameShape(x, dx, "dx");
  const float epsilon = op.FloatOption("epsilon");
  op.CountWork(kWorkPerElement * x.elements);
  if (!op.Ready()) return;
  biotrain::BatchNormGrad(x.floats(), gamma.floats(), mean.floats(),
                          variance.floats(), dy.floats(), g.batch, g.channels,
                          g.spatial, epsilon, dx.floats(), dgamma.floats(),
                          dbeta.floats());
}

void GroupNorm(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor gamma = op.Input(1, kFloat);
  const Tensor beta = op.Input(2, kFloat);
  const Tensor y = op.Output(0, kFloat);
  const Tensor mean = op.Output(1, kFloat);
  const Tensor variance = op.Output(2, kFloat);
  const Groups g = CheckGroups(op, x, mean, variance);
  op.ExpectVector(gamma, g.channels, "gamma");
  op.ExpectVector(beta, g.channels, "beta");
  op.ExpectSameShape(x, y, "output");
  const float epsilon = op.FloatOption("epsilon");
  op.CountWork(kWorkPerElement * x.elements);
  if (!op.Ready()) return;
  biotrain::GroupNorm(x.floats(), gamma.floats(), beta.floats(), g.batch,
                      g.channels, g.spatial, g.groups, epsilon, y.floats(),
                      mean.floats(), variance.floats());
}

void GroupNormGrad(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor gamma = op.Input(1, kFloat);
  const Tensor mean = op.Input(2, kFloat);
  const Tensor variance = op.Input(3, kFloat);
  const Tensor dy = op.Input(4, kFloat);
  const Tensor dx = op.Output(0, kFloat);
  const Tensor dgamma = op.Output(1, kFloat);
  const Tensor dbeta = op.Output(2, kFloat);
  const Groups g = CheckGroups(op, x, mean, variance);
  for (const Tensor* vector : {&gamma, &dgamma, &dbeta}) {
    op.ExpectVector(*vector, g.channels, "channels");
  }
  op.ExpectSameShape(x, dy, "dy");
  op.ExpectSameShape(x, dx, "dx");
  const float epsilon = op.FloatOption("epsilon");
  op.CountWork(kWorkPerElement * x.elements);
  if (!op.Ready()) return;
  biotrain::GroupNormGrad(x.floats(), gamma.floats(), mean.floats(),
                          variance.floats(), dy.floats(), g.batch, g.channels,
                          g.spatial, g.groups, epsilon, dx.floats(),
                          dgamma.floats(), dbeta.floats());
}

}  // namespace ops
}  // namespace biotrain
