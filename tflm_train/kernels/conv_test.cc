// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/conv.h"

#include <initializer_list>

#include "tflm_train/kernels/reference.h"
#include "tflm_train/testing/conv_cases.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

// The plain convolutions: channels are mixed, so shapes vary in both.
constexpr ConvCase kCases[] = {
    // batch, h, w, ci, co, kh, kw, sh, sw, dh, dw, padding
    {2, 1, 40, 1, 8, 1, 16, 1, 1, 1, 1, Padding::kSame},
    {1, 3, 21, 1, 3, 1, 8, 1, 1, 1, 1, Padding::kValid},
    {1, 2, 600, 1, 2, 1, 64, 1, 1, 1, 1, Padding::kSame},
    {1, 1, 9, 1, 2, 1, 15, 1, 1, 1, 1, Padding::kSame},
    {1, 1, 700, 1, 1, 1, 300, 1, 1, 1, 1, Padding::kSame},
    {1, 5, 7, 1, 5, 3, 3, 1, 1, 1, 1, Padding::kSame},
    {2, 6, 7, 3, 5, 3, 3, 1, 1, 1, 1, Padding::kSame},
    {1, 7, 31, 4, 5, 3, 3, 2, 2, 1, 1, Padding::kSame},
    {1, 5, 9, 40, 5, 3, 3, 1, 1, 1, 1, Padding::kSame},
    {1, 3, 5, 130, 4, 2, 1, 1, 1, 1, 1, Padding::kSame},
    {2, 6, 7, 3, 5, 3, 3, 1, 1, 1, 1, Padding::kValid},
    {1, 7, 9, 4, 8, 3, 3, 2, 2, 1, 1, Padding::kSame},
    {1, 7, 9, 2, 4, 3, 3, 2, 3, 1, 1, Padding::kValid},
    {1, 9, 11, 2, 4, 3, 3, 1, 1, 2, 2, Padding::kSame},
    {1, 9, 11, 2, 3, 3, 3, 1, 1, 2, 3, Padding::kValid},
    {1, 1, 23, 5, 6, 1, 4, 1, 1, 1, 4, Padding::kSame},
    {1, 9, 12, 2, 3, 3, 4, 2, 2, 2, 3, Padding::kSame},
    {1, 9, 14, 2, 3, 2, 3, 3, 4, 2, 2, Padding::kSame},
    {1, 5, 13, 2, 3, 1, 2, 2, 4, 1, 1, Padding::kSame},
    {3, 4, 5, 16, 16, 1, 1, 1, 1, 1, 1, Padding::kValid},
    {1, 22, 9, 5, 6, 22, 1, 1, 1, 1, 1, Padding::kValid},
    {1, 2, 9, 90, 3, 1, 5, 1, 1, 1, 1, Padding::kSame},
    {1, 1, 17, 1, 3, 1, 4, 1, 3, 1, 1, Padding::kSame},
    {1, 1, 17, 1, 3, 1, 4, 1, 1, 1, 2, Padding::kSame},
    {1, 4, 1, 1, 1, 2, 1, 1, 1, 1, 1, Padding::kValid},
    {1, 1, 17, 3, 2, 1, 9, 1, 2, 1, 1, Padding::kValid},
};

constexpr int kCapacity = 4096;
float x[kCapacity], w[kCapacity], dy[kCapacity];
float bias[kCapacity];
double x64[kCapacity], w64[kCapacity];
double dy64[kCapacity], bias64[kCapacity], want[kCapacity];

void MakeInputs(const ConvGeometry& g, TestContext& test) {
  const Sizes sizes = FullConvSizes(g);
  test.Expect(sizes.Fit(kCapacity), "case fits the buffers");
  TestRandom random(7);
  random.Fill(x, sizes.x);
  random.Fill(w, sizes.w);
  random.Fill(dy, sizes.y);
  random.Fill(bias, g.out_c);
  ToDouble(x, sizes.x, x64);
  ToDouble(w, sizes.w, w64);
  ToDouble(dy, sizes.y, dy64);
  ToDouble(bias, g.out_c, bias64);
}

void TestForward(TestContext& test) {
  for (const ConvCase& c : kCases) {
    const ConvGeometry g = c.Geometry();
    MakeInputs(g, test);
    for (Activation activation :
         {Activation::kNone, Activation::kRelu, Activation::kRelu6}) {
      const bool biased = activation != Activation::kRelu6;
      GuardedArray<kCapacity> y(FullConvSizes(g).y);
      Conv2D(g, x, w, biased ? bias : nullptr, activation, y.data());
      reference::Conv2D<double>(g, x64, w64, biased ? bias64 : nullptr,
                                activation, want);
      test.ExpectNear(y.data(), want, y.size(), tolerance::kConv, "y");
      y.ExpectIntact(test);
    }
  }
}

void TestGradFilter(TestContext& test) {
  for (const ConvCase& c : kCases) {
    const ConvGeometry g = c.Geometry();
    MakeInputs(g, test);
    GuardedArray<kCapacity> dw(FullConvSizes(g).w);
    Conv2DGradFilter(g, x, dy, dw.data());
    reference::Conv2DGradFilter<double>(g, x64, dy64, want);
    test.ExpectNear(dw.data(), want, dw.size(), tolerance::kConv, "dw");
    dw.ExpectIntact(test);
  }
}

void TestGradInput(TestContext& test) {
  for (const ConvCase& c : kCases) {
    const ConvGeometry g = c.Geometry();
    MakeInputs(g, test);
    GuardedArray<kCapacity> dx(FullConvSizes(g).x);
    Conv2DGradInput(g, w, dy, dx.data());
    reference::Conv2DGradInput<double>(g, w64, dy64, want);
    test.ExpectNear(dx.data(), want, dx.size(), tolerance::kConv, "dx");
    dx.ExpectIntact(test);
  }
}

// sum(dy * y), as a function of one array of the forward pass.
double Objective(const ConvGeometry& g) {
  reference::Conv2D<double>(g, x64, w64, nullptr, Activation::kNone, want);
  double sum = 0.0;
  for (int i = 0; i < FullConvSizes(g).y; ++i) sum += want[i] * dy64[i];
  return sum;
}

double Slope(const ConvGeometry& g, double* argument) {
  const double at = *argument;
  *argument = at + 0.5;
  const double above = Objective(g);
  *argument = at - 0.5;
  const double below = Objective(g);
  *argument = at;
  return above - below;
}

void TestFiniteDifferences(TestContext& test) {
  for (const ConvCase& c : kCases) {
    const ConvGeometry g = c.Geometry();
    const Sizes sizes = FullConvSizes(g);
    if (sizes.x * sizes.w > 20000) continue;
    MakeInputs(g, test);
    GuardedArray<kCapacity> dw(sizes.w), dx(sizes.x);
    Conv2DGradFilter(g, x, dy, dw.data());
    Conv2DGradInput(g, w, dy, dx.data());
    for (int i = 0; i < sizes.w; ++i) {
      const double slope = Slope(g, &w64[i]);
      test.ExpectNear(static_cast<double>(dw.data()[i]), slope,
                      tolerance::kFiniteDifference, "dw");
    }
    for (int i = 0; i < sizes.x; ++i) {
      test.ExpectNear(static_cast<double>(dx.data()[i]), Slope(g, &x64[i]),
                      tolerance::kFiniteDifference, "dx");
    }
  }
}

constexpr TestCase kTests[] = {
    {"conv_forward", TestForward},
    {"conv_grad_filter", TestGradFilter},
    {"conv_grad_input", TestGradInput},
    {"conv_finite_differences", TestFiniteDifferences},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
