// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/conv.h"

#include "tflm_train/kernels/depthwise.h"
#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/ops/window.h"
#include "tflm_train/micro/schema.h"

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

// A filter gradient or a filter: [KH,KW,in,out].
void ExpectFilter(OpContext& op, const Tensor& w, int32_t in, int32_t out) {
  op.ExpectShape(w.dims[2] == in, "filter_inputs", in, w.dims[2]);
  op.ExpectShape(w.dims[3] == out, "filter_outputs", out, w.dims[3]);
}

// [KH,KW,C,M], where x has C channels and y has C * M.
void ExpectDepthwiseFilter(OpContext& op, const Tensor& w,
                           const ConvGeometry& g) {
  op.ExpectShape(w.dims[2] == g.in_c, "filter_inputs", g.in_c, w.dims[2]);
  op.ExpectShape(int64_t{w.dims[2]} * w.dims[3] == g.out_c, "filter_outputs",
                 g.out_c, int64_t{w.dims[2]} * w.dims[3]);
}

}  // namespace

void Conv2D(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor w = op.Input(1, kFloat, 4);  // [Co,KH,KW,Ci]
  const Tensor y = op.Output(0, kFloat, 4);
  const Table& options = op.options();
  WindowOptions window;
  window.padding = PaddingOption(op, schema::conv::kPadding);
  window.stride_h = options.Number<int32_t>(schema::conv::kStrideH);
  window.stride_w = options.Number<int32_t>(schema::conv::kStrideW);
  window.dilation_h = options.Number<int32_t>(schema::conv::kDilationH, 1);
  window.dilation_w = options.Number<int32_t>(schema::conv::kDilationW, 1);
  const Activation activation = ActivationOption(op, schema::conv::kActivation);
  const ConvGeometry g =
      MakeConvGeometry(op, window, x, w.dims[1], w.dims[2], y);
  op.ExpectShape(w.dims[3] == g.in_c, "filter_inputs", g.in_c, w.dims[3]);
  op.ExpectShape(w.dims[0] == g.out_c, "filter_outputs", g.out_c, w.dims[0]);
  const float* bias = Bias(op, g.out_c);
  CountConv(op, g, /*depthwise=*/false);
  if (!op.Ready()) return;
  biotrain::Conv2D(g, x.floats(), w.floats(), bias, activation, y.floats());
}

void DepthwiseConv2D(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor w = op.Input(1, kFloat, 4);  // [1,KH,KW,C*M]
  const Tensor y = op.Output(0, kFloat, 4);
  const Table& options = op.options();
  WindowOptions window;
  window.padding = PaddingOption(op, schema::depthwise::kPadding);
  window.stride_h = options.Number<int32_t>(schema::depthwise::kStrideH);
  window.stride_w = options.Number<int32_t>(schema::depthwise::kStrideW);
  window.dilation_h = options.Number<int32_t>(schema::depthwise::kDilationH, 1);
  window.dilation_w = options.Number<int32_t>(schema::depthwise::kDilationW, 1);
  const Activation activation =
      ActivationOption(op, schema::depthwise::kActivation);
  const ConvGeometry g =
      MakeConvGeometry(op, window, x, w.dims[1], w.dims[2], y);
  op.ExpectShape(w.dims[0] == 1, "filter_rows", 1, w.dims[0]);
  op.ExpectShape(w.dims[3] == g.out_c, "filter_outputs", g.out_c, w.dims[3]);
  if (!op.ok()) return;
  op.ExpectShape(g.out_c % g.in_c == 0, "depth_multiplier", g.in_c, g.out_c);
  const float* bias = Bias(op, g.out_c);
  CountConv(op, g, /*depthwise=*/true);
  if (!op.Ready()) return;
  biotrain::DepthwiseConv2D(g, x.floats(), w.floats(), bias, activation,
                            y.floats());
}

void Conv2DGradFilter(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor dy = op.Input(1, kFloat, 4);
  const Tensor dw = op.Output(0, kFloat, 4);
  const ConvGeometry g = MakeConvGeometry(op, CustomConvOptions(op), x,
                                          dw.dims[0], dw.dims[1], dy);
  ExpectFilter(op, dw, g.in_c, g.out_c);
  CountConv(op, g, /*depthwise=*/false);
  if (!op.Ready()) return;
  biotrain::Conv2DGradFilter(g, x.floats(), dy.floats(), dw.floats());
}

void Conv2DGradInput(OpContext& op) {
  const Tensor w = op.Input(0, kFloat, 4);
  const Tensor dy = op.Input(1, kFloat, 4);
  const Tensor dx = op.Output(0, kFloat, 4);
  const ConvGeometry g =
      MakeConvGeometry(op, CustomConvOptions(op), dx, w.dims[0], w.dims[1], dy);
  ExpectFilter(op, w, g.in_c, g.out_c);
  CountConv(op, g, /*depthwise=*/false);
  if (!op.Ready()) return;
  biotrain::Conv2DGradInput(g, w.floats(), dy.floats(), dx.floats());
}

void DepthwiseConv2DGradFilter(OpContext& op) {
  const Tensor x = op.Input(0, kFloat, 4);
  const Tensor dy = op.Input(1, kFloat, 4);
  const Tensor dw = op.Output(0, kFloat, 4);
  const ConvGeometry g = MakeConvGeometry(op, CustomConvOptions(op), x,
                                          dw.dims[0], dw.dims[1], dy);
  ExpectDepthwiseFilter(op, dw, g);
  CountConv(op, g, /*depthwise=*/true);
  if (!op.Ready()) return;
  biotrain::DepthwiseConv2DGradFilter(g, x.floats(), dy.floats(), dw.floats());
}

void DepthwiseConv2DGradInput(OpContext& op) {
  const Tensor w = op.Input(0, kFloat, 4);
  const Tensor dy = op.Input(1, kFloat, 4);
  const Tensor dx = op.Output(0, kFloat, 4);
  const ConvGeometry g =
      MakeConvGeometry(op, CustomConvOptions(op), dx, w.dims[0], w.dims[1], dy);
  ExpectDepthwiseFilter(op, w, g);
  CountConv(op, g, /*depthwise=*/true);
  if (!op.Ready()) return;
  biotrain::DepthwiseConv2DGradInput(g, w.floats(), dy.floats(), dx.floats());
}

}  // namespace ops
}  // namespace biotrain
