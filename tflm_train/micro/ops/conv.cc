// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/conv.h"

#include "tflm_train/kernels/conv_codes.h"
#include "tflm_train/kernels/depthwise.h"
#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/ops/window.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;

// Loops may visit taps that fall on the padding, so these count as well.
// Saturates: four factors of 31 bits overflow.
int64_t Product(int64_t a, int64_t b) {
  return a != 0 && b > INT64_MAX / a ? INT64_MAX : a * b;
}

void CountConv(OpContext& op, const ConvGeometry& g, bool depthwise) {
  if (!op.check_only()) return;  // divisions of 64 bits, at every step
  const int64_t outputs =
      Product(Product(g.batch, g.out_h), Product(g.out_w, g.out_c));
  const int64_t taps = Product(g.filter_h, g.filter_w);
  const int64_t channels = depthwise ? 1 : g.in_c;
  op.CountWork(Product(Product(outputs, taps), channels));
  // The side the gradient of the input is written to, and every loop's start.
  const int64_t inputs =
      Product(Product(g.batch, g.in_h), Product(g.in_w, g.in_c));
  op.CountWork(Product(8, inputs));
  op.CountWork(Product(16, Product(outputs, g.filter_h)));
}

const float* Bias(OpContext& op, int32_t channels) {
  if (!op.HasInput(2)) return nullptr;
  const Tensor bias = op.Input(2, kFloat);
  op.ExpectVector(bias, channels, "bias");
  return bias.floats();
}

// In how many parts of a batch filters are the same: one, or all samples if
// each has its own.
int FilterSets(const Tensor& w, const ConvGeometry& g) {
  return int64_t{g.batch} * g.out_c == w.dims[0] ? g.batch : 1;
}

// A filter or its gradient: [Co,Ci,KH,KW], or [B * Co,Ci,KH,KW].
void ExpectFilter(OpContext& op, const Tensor& w, const ConvGeometry& g) {
  op.ExpectShape(w.dims[0] == FilterSets(w, g) * g.out_c, "filter_outputs",
                 g.out_c, w.dims[0]);
  op.ExpectShape(w.dims[1] == g.in_c, "filter_inputs", g.in_c, w.dims[1]);
}

// What one set of filters is used for, and where its tensors begin.
struct FilterSet {
  ConvGeometry geometry;
  int x, w, bias, y;
};

template <typename RunSet>
void ForEachFilterSet(const Tensor& w, const ConvGeometry& all, RunSet run) {
  const int sets = FilterSets(w, all);
  ConvGeometry g = all;
  g.batch /= sets;
  const int x = g.batch * g.in_c * g.in_h * g.in_w;
  const int filters = g.out_c * g.in_c * g.filter_h * g.filter_w;
  const int y = g.batch * g.out_c * g.out_h * g.out_w;
  for (int i = 0; i < sets; ++i) {
    run(FilterSet{g, i * x, i * filters, i * g.out_c, i * y});
  }
}

// [C,M,KH,KW], where x has C channels and y has C * M.
void ExpectDepthwiseFilter(OpContext& op, const Tensor& w,
                           const ConvGeometry& g) {
  op.ExpectShape(w.dims[0] == g.in_c, "filter_inputs", g.in_c, w.dims[0]);
  op.ExpectShape(int64_t{w.dims[0]} * w.dims[1] == g.out_c, "filter_outputs",
                 g.out_c, int64_t{w.dims[0]} * w.dims[1]);
}

// The floats a fast algorithm asks for; a model that leaves them out gets the
// plain one.
float* Workspace(OpContext& op, int floats, bool optional = true) {
  if (op.outputs() < 2) {
    op.Expect(optional, StatusCode::kBadModel, "workspace", floats, 0);
    return nullptr;
  }
  const Tensor workspace = op.Output(1, kFloat);
  op.ExpectShape(floats > 0 && workspace.elements >= floats, "workspace",
                 floats, workspace.elements);
  return workspace.floats();
}

// The one that a kernel cannot do without.
float* OwnWorkspace(OpContext& op, const ConvGeometry& g,
                    int (*floats)(const ConvGeometry&)) {
  if (!op.ok()) return nullptr;
  const int wanted = floats(g);
  return Workspace(op, wanted, /*optional=*/wanted == 0);
}

// Of a convolution of x with w that gives y, whichever of them is computed.
ConvGeometry Check(OpContext& op, const Tensor& x, const Tensor& w,
                   const Tensor& y, bool depthwise) {
  const ConvGeometry g =
      MakeConvGeometry(op, CustomConvOptions(op), x, w.dims[2], w.dims[3], y);
  if (depthwise) {
    ExpectDepthwiseFilter(op, w, g);
  } else {
    ExpectFilter(op, w, g);
  }
  CountConv(op, g, depthwise);
  return g;
}

}  // namespace

void Conv2D(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor w = op.Input(1, kFloat, 4);
  const Tensor y = op.Output(0, kFloat, 4);
  const Activation activation = CustomActivation(op);
  const ConvGeometry g = Check(op, x, w, y, /*depthwise=*/false);
  const float* bias = Bias(op, w.dims[0]);
  float* const workspace = Workspace(op, ConvWorkspace(g));
  if (!op.Ready()) return;
  ForEachFilterSet(w, g, [&](const FilterSet& set) {
    biotrain::Conv2D(set.geometry, x.floats() + set.x, w.floats() + set.w,
                     bias == nullptr ? nullptr : bias + set.bias, activation,
                     y.floats() + set.y, workspace);
  });
}

void Conv2DGradFilter(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor dy = op.Input(1, kFloat, 4);
  const Tensor dw = op.Output(0, kFloat, 4);
  const ConvGeometry g = Check(op, x, dw, dy, /*depthwise=*/false);
  float* const workspace = Workspace(op, ConvGradFilterWorkspace(g));
  if (!op.Ready()) return;
  ForEachFilterSet(dw, g, [&](const FilterSet& set) {
    biotrain::Conv2DGradFilter(set.geometry, x.floats() + set.x,
                               dy.floats() + set.y, dw.floats() + set.w,
                               workspace);
  });
}

void Conv2DOfCodes(OpContext& op) {
  const Tensor x = op.Input(0, TensorType::kInt16, 4);
  const Tensor w = op.Input(1, kFloat, 4);
  const Tensor y = op.Output(0, kFloat, 4);
  const Activation activation = CustomActivation(op);
  const float scale = op.FloatOption("scale");
  const ConvGeometry g = Check(op, x, w, y, /*depthwise=*/false);
  const float* bias = Bias(op, g.out_c);
  float* const workspace = OwnWorkspace(op, g, ConvOfCodesWorkspace);
  if (!op.Ready()) return;
  biotrain::Conv2DOfCodes(g, x.codes(), scale, w.floats(), bias, activation,
                          y.floats(), workspace);
}

void Conv2DOfCodesGradFilter(OpContext& op) {
  const Tensor x = op.Input(0, TensorType::kInt16, 4);
  const Tensor dy = op.Input(1, kFloat, 4);
  const Tensor dw = op.Output(0, kFloat, 4);
  const float scale = op.FloatOption("scale");
  const ConvGeometry g = Check(op, x, dw, dy, /*depthwise=*/false);
  float* const workspace = OwnWorkspace(op, g, ConvOfCodesGradFilterWorkspace);
  if (!op.Ready()) return;
  biotrain::Conv2DOfCodesGradFilter(g, x.codes(), scale, dy.floats(),
                                    dw.floats(), workspace);
}

void Conv2DGradInput(OpContext& op) {
  const Tensor w = op.Input(0, kFloat, 4);
  const Tensor dy = op.Input(1, kFloat, 4);
  const Tensor dx = op.Output(0, kFloat, 4);
  const ConvGeometry g = Check(op, dx, w, dy, /*depthwise=*/false);
  op.ExpectShape(FilterSets(w, g) == 1, "filter_outputs", g.out_c, w.dims[0]);
  if (!op.Ready()) return;
  biotrain::Conv2DGradInput(g, w.floats(), dy.floats(), dx.floats());
}

void DepthwiseConv2D(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor w = op.Input(1, kFloat, 4);
  const Tensor y = op.Output(0, kFloat, 4);
  const Activation activation = CustomActivation(op);
  const ConvGeometry g = Check(op, x, w, y, /*depthwise=*/true);
  const float* bias = Bias(op, g.out_c);
  float* const workspace = Workspace(op, DepthwiseWorkspace(g));
  if (!op.Ready()) return;
  biotrain::DepthwiseConv2D(g, x.floats(), w.floats(), bias, activation,
                            y.floats(), workspace);
}

void DepthwiseConv2DGradFilter(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor dy = op.Input(1, kFloat, 4);
  const Tensor dw = op.Output(0, kFloat, 4);
  const ConvGeometry g = Check(op, x, dw, dy, /*depthwise=*/true);
  float* const workspace = Workspace(op, DepthwiseGradFilterWorkspace(g));
  if (!op.Ready()) return;
  biotrain::DepthwiseConv2DGradFilter(g, x.floats(), dy.floats(), dw.floats(),
                                      workspace);
}

void DepthwiseConv2DGradInput(OpContext& op) {
  const Tensor w = op.Input(0, kFloat, 4);
  const Tensor dy = op.Input(1, kFloat, 4);
  const Tensor dx = op.Output(0, kFloat, 4);
  const ConvGeometry g = Check(op, dx, w, dy, /*depthwise=*/true);
  float* const workspace = Workspace(op, DepthwiseWorkspace(g));
  if (!op.Ready()) return;
  biotrain::DepthwiseConv2DGradInput(g, w.floats(), dy.floats(), dx.floats(),
                                     workspace);
}

}  // namespace ops
}  // namespace biotrain
