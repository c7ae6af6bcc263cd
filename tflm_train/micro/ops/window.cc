// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/ops/window.h"

#include <initializer_list>

#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace ops {
namespace {

// Strides, dilations and filters; positions stay far below 2^31.
constexpr int32_t kMaxOption = 1 << 14;
constexpr int32_t kMaxExtent = 1 << 29;

struct Axis {
  int32_t in;
  int32_t filter;
  int32_t stride;
  int32_t dilation;
  int32_t out;
};

bool InRange(int32_t value, int32_t most) {
  return value >= 1 && value <= most;
}

// Complains unless the axis counts up; returns the padding before.
int32_t CheckAxis(OpContext& op, const Axis& axis, Padding padding) {
  for (const int32_t option : {axis.filter, axis.stride, axis.dilation}) {
    op.ExpectShape(InRange(option, kMaxOption), "window_option", kMaxOption,
                   option);
  }
  op.ExpectShape(InRange(axis.in, kMaxExtent), "window_input", kMaxExtent,
                 axis.in);
  if (!op.ok()) return 0;
  const int wanted =
      OutputSize(axis.in, axis.filter, axis.stride, axis.dilation, padding);
  op.ExpectShape(axis.out == wanted && wanted > 0, "window_output", wanted,
                 axis.out);
  return PadBefore(axis.in, axis.filter, axis.stride, axis.dilation, padding);
}

Padding StringPadding(OpContext& op) {
  const Text text = op.StringOption("padding");
  const bool same = text.Equals("SAME");
  op.Expect(same || text.Equals("VALID"), StatusCode::kUnsupportedOp,
            "padding");
  return same ? Padding::kSame : Padding::kValid;
}

}  // namespace

Activation ActivationOption(OpContext& op, int field) {
  const auto fused = op.options().Number<schema::FusedActivation>(field);
  switch (fused) {
    case schema::FusedActivation::kNone:
      return Activation::kNone;
    case schema::FusedActivation::kRelu:
      return Activation::kRelu;
    case schema::FusedActivation::kRelu6:
      return Activation::kRelu6;
  }
  op.Expect(false, StatusCode::kUnsupportedOp, "fused_activation", 0,
            static_cast<int>(fused));
  return Activation::kNone;
}

Activation CustomActivation(OpContext& op) {
  const Text text = op.StringOption("activation");
  const bool relu = text.Equals("RELU");
  const bool relu6 = text.Equals("RELU6");
  op.Expect(relu || relu6 || text.Equals("NONE"), StatusCode::kUnsupportedOp,
            "activation");
  return relu    ? Activation::kRelu
         : relu6 ? Activation::kRelu6
                 : Activation::kNone;
}

WindowOptions CustomPoolOptions(OpContext& op) {
  WindowOptions options;
  options.padding = StringPadding(op);
  options.stride_h = op.IntOption("stride_h");
  options.stride_w = op.IntOption("stride_w");
  return options;
}

WindowOptions CustomConvOptions(OpContext& op) {
  WindowOptions options = CustomPoolOptions(op);
  options.dilation_h = op.IntOption("dilation_h");
  options.dilation_w = op.IntOption("dilation_w");
  return options;
}

ConvGeometry MakeConvGeometry(OpContext& op, const WindowOptions& options,
                              const Tensor& x, int32_t filter_h,
                              int32_t filter_w, const Tensor& y) {
  ConvGeometry g = {};
  op.ExpectShape(x.rank == 4 && y.rank == 4 && x.dims[0] == y.dims[0],
                 "window_batch", x.dims[0], y.dims[0]);
  g.batch = x.dims[0];
  g.in_c = x.dims[1];
  g.in_h = x.dims[2];
  g.in_w = x.dims[3];
  g.out_c = y.dims[1];
  g.out_h = y.dims[2];
  g.out_w = y.dims[3];
  g.filter_h = filter_h;
  g.filter_w = filter_w;
  g.stride_h = options.stride_h;
  g.stride_w = options.stride_w;
  g.dilation_h = options.dilation_h;
  g.dilation_w = options.dilation_w;
  g.pad_top =
      CheckAxis(op, {g.in_h, filter_h, g.stride_h, g.dilation_h, g.out_h},
                options.padding);
  g.pad_left =
      CheckAxis(op, {g.in_w, filter_w, g.stride_w, g.dilation_w, g.out_w},
                options.padding);
  return g;
}

PoolGeometry MakePoolGeometry(OpContext& op, const WindowOptions& options,
                              const Tensor& x, int32_t filter_h,
                              int32_t filter_w, const Tensor& y) {
  const ConvGeometry g =
      MakeConvGeometry(op, options, x, filter_h, filter_w, y);
  op.ExpectShape(g.in_c == g.out_c, "channels", g.in_c, g.out_c);
  return {g.batch,    g.in_h,     g.in_w,     g.in_c,
          g.out_h,    g.out_w,    g.filter_h, g.filter_w,
          g.stride_h, g.stride_w, g.pad_top,  g.pad_left};
}

}  // namespace ops
}  // namespace biotrain
