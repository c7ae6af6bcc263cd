// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/fast_fir.h"

#include "tflm_train/kernels/conv.h"
#include "tflm_train/kernels/depthwise.h"
#include "tflm_train/kernels/reference.h"
#include "tflm_train/testing/conv_cases.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

// Blocks of 480 outputs, rounded up to 60: whole ones, rests and overlaps.
constexpr ConvCase kCases[] = {
    // batch, h, w, ci, co, kh, kw, sh, sw, dh, dw, padding
    {2, 1, 240, 1, 3, 1, 64, 1, 1, 1, 1, Padding::kSame},
    {1, 1, 250, 1, 3, 1, 64, 1, 1, 1, 1, Padding::kSame},
    {1, 2, 471, 1, 2, 1, 64, 1, 1, 1, 1, Padding::kSame},
    {1, 2, 487, 1, 2, 1, 64, 1, 1, 1, 1, Padding::kSame},
    {1, 1, 1003, 1, 1, 1, 128, 1, 1, 1, 1, Padding::kSame},
    {1, 1, 1100, 1, 1, 1, 128, 1, 1, 1, 1, Padding::kValid},
    {1, 1, 700, 1, 2, 1, 256, 1, 1, 1, 1, Padding::kSame},
};

constexpr int kCapacity = 3000;
float x[kCapacity], w[kCapacity], dy[kCapacity], workspace[8000];
double x64[kCapacity], w64[kCapacity], dy64[kCapacity], want[kCapacity];

void MakeInputs(const Sizes& sizes, int needed, TestContext& test) {
  test.Expect(sizes.Fit(kCapacity), "case fits the buffers");
  test.Expect(needed > 0 && needed <= 8000, "the case is a fast one");
  TestRandom random(11);
  random.Fill(x, sizes.x);
  random.Fill(w, sizes.w);
  random.Fill(dy, sizes.y);
  ToDouble(x, sizes.x, x64);
  ToDouble(w, sizes.w, w64);
  ToDouble(dy, sizes.y, dy64);
}

void TestConv(TestContext& test) {
  for (const ConvCase& c : kCases) {
    const ConvGeometry g = c.Geometry();
    const Sizes sizes = FullConvSizes(g);
    MakeInputs(sizes, ConvWorkspace(g), test);
    GuardedArray<kCapacity> y(sizes.y);
    Conv2D(g, x, w, nullptr, Activation::kNone, y.data(), workspace);
    reference::Conv2D<double>(g, x64, w64, nullptr, Activation::kNone, want);
    test.ExpectNear(y.data(), want, y.size(), tolerance::kFastFir, "y");
    y.ExpectIntact(test);
  }
}

void TestDepthwise(TestContext& test) {
  for (const ConvCase& full : kCases) {
    ConvCase c = full;
    c.in_c = c.out_c;
    const ConvGeometry g = c.Geometry();
    const Sizes sizes = DepthwiseSizes(g);
    if (!sizes.Fit(kCapacity)) continue;
    MakeInputs(sizes, DepthwiseWorkspace(g), test);
    GuardedArray<kCapacity> y(sizes.y), dx(sizes.x);
    DepthwiseConv2D(g, x, w, nullptr, Activation::kNone, y.data(), workspace);
    reference::DepthwiseConv2D<double>(g, x64, w64, nullptr, Activation::kNone,
                                       want);
    test.ExpectNear(y.data(), want, y.size(), tolerance::kFastFir, "y");
    y.ExpectIntact(test);
    DepthwiseConv2DGradInput(g, w, dy, dx.data(), workspace);
    reference::DepthwiseConv2DGradInput<double>(g, w64, dy64, want);
    test.ExpectNear(dx.data(), want, dx.size(), tolerance::kFastFir, "dx");
    dx.ExpectIntact(test);
  }
}

void TestGradFilter(TestContext& test) {
  for (const ConvCase& full : kCases) {
    const ConvGeometry g = full.Geometry();
    const Sizes sizes = FullConvSizes(g);
    MakeInputs(sizes, ConvGradFilterWorkspace(g), test);
    GuardedArray<kCapacity> dw(sizes.w);
    Conv2DGradFilter(g, x, dy, dw.data(), workspace);
    reference::Conv2DGradFilter<double>(g, x64, dy64, want);
    test.ExpectNear(dw.data(), want, dw.size(), tolerance::kFastFir, "dw");
    dw.ExpectIntact(test);
    ConvCase c = full;
    c.in_c = c.out_c;
    const ConvGeometry deep = c.Geometry();
    const Sizes more = DepthwiseSizes(deep);
    if (!more.Fit(kCapacity)) continue;
    MakeInputs(more, DepthwiseGradFilterWorkspace(deep), test);
    GuardedArray<kCapacity> deep_dw(more.w);
    DepthwiseConv2DGradFilter(deep, x, dy, deep_dw.data(), workspace);
    reference::DepthwiseConv2DGradFilter<double>(deep, x64, dy64, want);
    test.ExpectNear(deep_dw.data(), want, deep_dw.size(), tolerance::kFastFir,
                    "depthwise dw");
    deep_dw.ExpectIntact(test);
  }
}

// The fast algorithm rounds otherwise: were it not used, nothing would differ.
void TestIsUsed(TestContext& test) {
  const ConvGeometry g = kCases[0].Geometry();
  const Sizes sizes = FullConvSizes(g);
  MakeInputs(sizes, ConvWorkspace(g), test);
  GuardedArray<kCapacity> fast(sizes.y), slow(sizes.y);
  Conv2D(g, x, w, nullptr, Activation::kNone, fast.data(), workspace);
  Conv2D(g, x, w, nullptr, Activation::kNone, slow.data());
  int different = 0;
  for (int i = 0; i < sizes.y; ++i) {
    different += fast.data()[i] != slow.data()[i];
  }
  test.Expect(different > sizes.y / 4, "rounds otherwise");
}

constexpr TestCase kTests[] = {
    {"fast_fir_conv", TestConv},
    {"fast_fir_depthwise", TestDepthwise},
    {"fast_fir_grad_filter", TestGradFilter},
    {"fast_fir_is_used", TestIsUsed},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
