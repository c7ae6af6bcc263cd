// SPDX-License-Identifier: Apache-2.0
// Arguments: batch, input channels, height, width, output channels, filter
// height, filter width, stride down, stride across, 1 for SAME.
#include "tflm_train/bench/kernel_run.h"
#include "tflm_train/kernels/conv.h"
#include "tflm_train/kernels/conv_codes.h"
#include "tflm_train/kernels/depthwise.h"
#include "tflm_train/kernels/geometry.h"
#include "tflm_train/kernels/pool.h"

namespace biotrain {
namespace bench {
namespace {

ConvGeometry Geometry(const int32_t* a) {
  const Padding padding = a[9] != 0 ? Padding::kSame : Padding::kValid;
  ConvGeometry g = {};
  g.batch = a[0];
  g.in_c = a[1];
  g.in_h = a[2];
  g.in_w = a[3];
  g.out_c = a[4];
  g.filter_h = a[5];
  g.filter_w = a[6];
  g.stride_h = a[7];
  g.stride_w = a[8];
  g.dilation_h = 1;
  g.dilation_w = 1;
  g.out_h = OutputSize(g.in_h, g.filter_h, g.stride_h, 1, padding);
  g.out_w = OutputSize(g.in_w, g.filter_w, g.stride_w, 1, padding);
  g.pad_top = PadBefore(g.in_h, g.filter_h, g.stride_h, 1, padding);
  g.pad_left = PadBefore(g.in_w, g.filter_w, g.stride_w, 1, padding);
  return g;
}

PoolGeometry Pooling(const ConvGeometry& g) {
  PoolGeometry pool = {};
  pool.batch = g.batch;
  pool.in_h = g.in_h;
  pool.in_w = g.in_w;
  pool.channels = g.in_c;
  pool.out_h = g.out_h;
  pool.out_w = g.out_w;
  pool.filter_h = g.filter_h;
  pool.filter_w = g.filter_w;
  pool.stride_h = g.stride_h;
  pool.stride_w = g.stride_w;
  pool.pad_top = g.pad_top;
  pool.pad_left = g.pad_left;
  return pool;
}

// Everything a convolution and its gradients read and write. Each filter has
// `filter_channels` channels: all of the input's, or one where depthwise.
struct Operands {
  Operands(const ConvGeometry& g, int filter_channels, Memory* memory)
      : x(memory->Random(int64_t{g.batch} * g.in_c * g.in_h * g.in_w)),
        w(memory->Random(int64_t{g.out_c} * filter_channels * g.filter_h *
                         g.filter_w)),
        y(memory->Random(int64_t{g.batch} * g.out_c * g.out_h * g.out_w)) {}

  float* x;
  float* w;
  float* y;
};

template <typename Run>
void Measure(const ConvGeometry& g, int filter_channels, Memory* memory,
             const Run& run) {
  const Operands operands(g, filter_channels, memory);
  if (memory->exhausted()) return;
  biotrain_mark();
  run(operands);
  biotrain_mark();
}

void ConvForward(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  Measure(g, g.in_c, memory, [&g](const Operands& o) {
    Conv2D(g, o.x, o.w, nullptr, Activation::kNone, o.y);
  });
}

void ConvGradFilter(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  Measure(g, g.in_c, memory,
          [&g](const Operands& o) { Conv2DGradFilter(g, o.x, o.y, o.w); });
}

void ConvGradInput(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  Measure(g, g.in_c, memory,
          [&g](const Operands& o) { Conv2DGradInput(g, o.w, o.y, o.x); });
}

// With the workspace of a fast FIR algorithm.
void FastConvForward(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  float* const workspace = memory->Random(ConvWorkspace(g));
  Measure(g, g.in_c, memory, [&](const Operands& o) {
    Conv2D(g, o.x, o.w, nullptr, Activation::kNone, o.y, workspace);
  });
}

void FastConvGradFilter(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  float* const workspace = memory->Random(ConvGradFilterWorkspace(g));
  Measure(g, g.in_c, memory, [&](const Operands& o) {
    Conv2DGradFilter(g, o.x, o.y, o.w, workspace);
  });
}

void FastDepthwiseForward(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  float* const workspace = memory->Random(DepthwiseWorkspace(g));
  Measure(g, 1, memory, [&](const Operands& o) {
    DepthwiseConv2D(g, o.x, o.w, nullptr, Activation::kNone, o.y, workspace);
  });
}

void FastDepthwiseGradFilter(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  float* const workspace = memory->Random(DepthwiseGradFilterWorkspace(g));
  Measure(g, 1, memory, [&](const Operands& o) {
    DepthwiseConv2DGradFilter(g, o.x, o.y, o.w, workspace);
  });
}

void FastDepthwiseGradInput(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  float* const workspace = memory->Random(DepthwiseWorkspace(g));
  Measure(g, 1, memory, [&](const Operands& o) {
    DepthwiseConv2DGradInput(g, o.w, o.y, o.x, workspace);
  });
}

// Of int16 codes: half as many floats would have room for them.
void CodesForward(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  float* const workspace = memory->Random(ConvOfCodesWorkspace(g));
  Measure(g, g.in_c, memory, [&](const Operands& o) {
    Conv2DOfCodes(g, reinterpret_cast<const int16_t*>(o.x), 0.001f, o.w,
                  nullptr, Activation::kNone, o.y, workspace);
  });
}

void CodesGradFilter(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  float* const workspace = memory->Random(ConvOfCodesGradFilterWorkspace(g));
  Measure(g, g.in_c, memory, [&](const Operands& o) {
    Conv2DOfCodesGradFilter(g, reinterpret_cast<const int16_t*>(o.x), 0.001f,
                            o.y, o.w, workspace);
  });
}

void DepthwiseForward(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  Measure(g, 1, memory, [&g](const Operands& o) {
    DepthwiseConv2D(g, o.x, o.w, nullptr, Activation::kNone, o.y);
  });
}

void DepthwiseGradFilter(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  Measure(g, 1, memory, [&g](const Operands& o) {
    DepthwiseConv2DGradFilter(g, o.x, o.y, o.w);
  });
}

void DepthwiseGradInput(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  Measure(g, 1, memory, [&g](const Operands& o) {
    DepthwiseConv2DGradInput(g, o.w, o.y, o.x);
  });
}

void AveragePool(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  Measure(g, 1, memory, [&g](const Operands& o) {
    AveragePool2D(Pooling(g), o.x, Activation::kNone, o.y);
  });
}

void AveragePoolGrad(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  Measure(g, 1, memory,
          [&g](const Operands& o) { AveragePool2DGrad(Pooling(g), o.y, o.x); });
}

void MaxPool(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  Measure(g, 1, memory, [&g](const Operands& o) {
    MaxPool2D(Pooling(g), o.x, Activation::kNone, o.y);
  });
}

void MaxPoolGrad(const int32_t* a, Memory* memory) {
  const ConvGeometry g = Geometry(a);
  const int64_t inputs = int64_t{g.batch} * g.in_c * g.in_h * g.in_w;
  const int64_t outputs = int64_t{g.batch} * g.in_c * g.out_h * g.out_w;
  const float* x = memory->Random(inputs);
  float* y = memory->Random(outputs);
  const float* dy = memory->Random(outputs);
  float* dx = memory->Random(inputs);
  if (memory->exhausted()) return;
  // The gradient goes to where the maximum was found.
  MaxPool2D(Pooling(g), x, Activation::kNone, y);
  biotrain_mark();
  MaxPool2DGrad(Pooling(g), x, y, dy, dx);
  biotrain_mark();
}

constexpr Kernel kKernels[] = {
    {"conv.forward", ConvForward},
    {"conv.dw", ConvGradFilter},
    {"conv.dx", ConvGradInput},
    {"fast_conv.forward", FastConvForward},
    {"fast_conv.dw", FastConvGradFilter},
    {"fast_depthwise.forward", FastDepthwiseForward},
    {"fast_depthwise.dw", FastDepthwiseGradFilter},
    {"fast_depthwise.dx", FastDepthwiseGradInput},
    {"codes.forward", CodesForward},
    {"codes.dw", CodesGradFilter},
    {"depthwise.forward", DepthwiseForward},
    {"depthwise.dw", DepthwiseGradFilter},
    {"depthwise.dx", DepthwiseGradInput},
    {"average_pool.forward", AveragePool},
    {"average_pool.dx", AveragePoolGrad},
    {"max_pool.forward", MaxPool},
    {"max_pool.dx", MaxPoolGrad},
};

}  // namespace

const KernelTable kConvolutionKernels = {kKernels,
                                         sizeof(kKernels) / sizeof(Kernel)};

}  // namespace bench
}  // namespace biotrain
