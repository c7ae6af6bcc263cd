// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/norm_average_pool.h"

#include "tflm_train/micro/ops/norm_shape.h"
#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/ops/window.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;
// Normalising, an exponential and a pool.
constexpr int64_t kWorkPerElement = 12 + 32 + 4;
constexpr int32_t kMaxCount = 255;

NormActivation StringActivation(OpContext& op) {
  const Text text = op.StringOption("activation");
  if (text.Equals("RELU")) return NormActivation::kRelu;
  if (text.Equals("RELU6")) return NormActivation::kRelu6;
  if (text.Equals("ELU")) return NormActivation::kElu;
  op.Expect(text.Equals("NONE"), StatusCode::kUnsupportedOp, "activation");
  return NormActivation::kNone;
}

// Inputs x, gamma, beta, mean and variance; y is of the size of the pool's
// output.
struct Checked {
  Tensor x, gamma, beta, mean, variance;
  NormShape shape;
  PoolGeometry geometry = {};
  NormActivation activation = NormActivation::kNone;
  float epsilon = 0.0f;

  // x is the first of all inputs, or the one at `last`.
  Checked(OpContext& op, const Tensor& y, int last = 0)
      : x(op.Input(last, kFloat, 4)),
        gamma(op.Input(last == 0 ? 1 : 0, kFloat)),
        beta(op.Input(last == 0 ? 2 : 1, kFloat)),
        mean(op.Input(last == 0 ? 3 : 2, kFloat)),
        variance(op.Input(last == 0 ? 4 : 3, kFloat)),
        shape(ShapeOfNorm(op, x, mean, kWorkPerElement)) {
    op.ExpectVector(gamma, shape.channels, "gamma");
    op.ExpectVector(beta, shape.channels, "beta");
    op.ExpectSameShape(mean, variance, "variance");
    epsilon = op.FloatOption("epsilon");
    activation = StringActivation(op);
    const int32_t filter_h = op.IntOption("filter_h");
    const int32_t filter_w = op.IntOption("filter_w");
    geometry =
        MakePoolGeometry(op, CustomPoolOptions(op), x, filter_h, filter_w, y);
    if (!op.ok()) return;
    op.ExpectShape(IsOneRow(geometry), "windows_side_by_side", filter_w,
                   geometry.stride_w);
  }
};

// One a pooled output; counts have rows of whole words.
void ExpectRows(OpContext& op, const Tensor& slopes, const Tensor& pooled,
                bool counts, int window) {
  if (!op.ok()) return;
  Tensor wanted = pooled;
  if (counts) wanted.dims[3] = CountsInRow(pooled.dims[3], window);
  op.ExpectSameShape(wanted, slopes, "slopes");
}

}  // namespace

void NormAveragePool(OpContext& op) {
  const Tensor y = op.Output(0, kFloat, 4);
  const Checked c(op, y);
  if (!op.Ready()) return;
  biotrain::NormAveragePool(c.shape, c.geometry, c.activation, c.x.floats(),
                            c.gamma.floats(), c.beta.floats(), c.mean.floats(),
                            c.variance.floats(), c.epsilon, y.floats());
}

void NormSlopePool(OpContext& op) {
  const bool counts = op.BoolOption("counts");
  const Tensor slopes = op.Output(0, counts ? TensorType::kUint8 : kFloat, 4);
  const Tensor products = op.Output(1, kFloat, 4);
  const Checked c(op, products);
  ExpectRows(op, slopes, products, counts, c.geometry.filter_w);
  op.Expect(!counts || (c.activation != NormActivation::kElu &&
                        c.geometry.filter_w <= kMaxCount),
            StatusCode::kUnsupportedOp, "counts");
  if (!op.Ready()) return;
  if (counts) {
    biotrain::NormCountPool(c.shape, c.geometry, c.activation, c.x.floats(),
                            c.gamma.floats(), c.beta.floats(), c.mean.floats(),
                            c.variance.floats(), c.epsilon,
                            slopes.small_counts(), products.floats());
  } else {
    biotrain::NormSlopePool(c.shape, c.geometry, c.activation, c.x.floats(),
                            c.gamma.floats(), c.beta.floats(), c.mean.floats(),
                            c.variance.floats(), c.epsilon, slopes.floats(),
                            products.floats());
  }
}

void NormPoolGradSums(OpContext& op) {
  const Tensor dy = op.Input(5, kFloat, 4);
  const Tensor dgamma = op.Output(0, kFloat, 2);
  const Tensor dbeta = op.Output(1, kFloat, 2);
  const Checked c(op, dy);
  ExpectOneALine(op, c.shape, dgamma);
  ExpectOneALine(op, c.shape, dbeta);
  if (!op.Ready()) return;
  biotrain::NormPoolGradSums(c.shape, c.geometry, c.activation, c.x.floats(),
                             c.gamma.floats(), c.beta.floats(), c.mean.floats(),
                             c.variance.floats(), dy.floats(), c.epsilon,
                             dgamma.floats(), dbeta.floats());
}

void NormPoolGradInput(OpContext& op) {
  const Tensor mean_dy = op.Input(4, kFloat);
  const Tensor mean_product = op.Input(5, kFloat);
  const Tensor dy = op.Input(6, kFloat, 4);
  const Tensor dx = op.Output(0, kFloat, 4);
  const Checked c(op, dy, 7);
  op.ExpectSameShape(c.x, dx, "dx");
  op.ExpectSameShape(c.mean, mean_dy, "mean_dy");
  op.ExpectSameShape(c.mean, mean_product, "mean_product");
  if (!op.Ready()) return;
  biotrain::NormPoolGradInput(
      c.shape, c.geometry, c.activation, c.x.floats(), c.gamma.floats(),
      c.beta.floats(), c.mean.floats(), c.variance.floats(), mean_dy.floats(),
      mean_product.floats(), dy.floats(), c.epsilon, dx.floats());
}

void SlopesOfCounts(OpContext& op) {
  const Tensor counts = op.Input(0, TensorType::kUint8, 4);
  const Tensor slopes = op.Output(0, kFloat, 4);
  const int32_t window = op.IntOption("window");
  op.ExpectShape(window >= 1 && window <= kMaxCount, "window", kMaxCount,
                 window);
  ExpectRows(op, counts, slopes, true, window);
  op.CountWork(int64_t{16} * counts.elements);
  if (!op.Ready()) return;
  const int columns = slopes.last_dim();
  biotrain::SlopesOfCounts(counts.small_counts(), slopes.elements / columns,
                           columns, window, slopes.floats());
}

}  // namespace ops
}  // namespace biotrain
