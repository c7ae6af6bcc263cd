// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/conv_codes.h"

#include <initializer_list>

#include "tflm_train/kernels/from_codes.h"
#include "tflm_train/kernels/reference.h"
#include "tflm_train/testing/conv_cases.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

constexpr ConvCase kCases[] = {
    // batch, h, w, ci, co, kh, kw, sh, sw, dh, dw, padding
    {1, 22, 130, 1, 4, 22, 1, 1, 1, 1, 1, Padding::kValid},
    {1, 22, 130, 1, 1, 22, 1, 1, 1, 1, 1, Padding::kValid},
    {1, 22, 131, 1, 5, 22, 1, 1, 1, 1, 1, Padding::kValid},
    {1, 3, 9, 1, 2, 3, 1, 1, 1, 1, 1, Padding::kValid},
    {1, 8, 130, 1, 3, 8, 1, 2, 1, 1, 1, Padding::kValid},
    {2, 8, 250, 1, 2, 8, 1, 1, 1, 1, 1, Padding::kValid},
    {1, 2, 501, 1, 4, 1, 4, 1, 1, 1, 1, Padding::kSame},
    {1, 1, 700, 1, 2, 1, 64, 1, 1, 1, 1, Padding::kSame},
    {1, 1, 521, 3, 2, 1, 9, 1, 2, 1, 1, Padding::kSame},
    {1, 3, 270, 5, 3, 3, 3, 2, 1, 1, 2, Padding::kSame},
    {2, 6, 70, 2, 3, 3, 2, 1, 3, 2, 1, Padding::kValid},
    {1, 9, 14, 2, 3, 2, 3, 3, 4, 2, 2, Padding::kSame},
    {1, 4, 1, 1, 1, 2, 1, 1, 1, 1, 1, Padding::kValid},
};

constexpr int kCapacity = 4096;
constexpr float kScale = 1.0f / 3000.0f;
int16_t codes[kCapacity];
float w[kCapacity], dy[kCapacity], bias[kCapacity], workspace[kCapacity];
double x64[kCapacity], w64[kCapacity];
double dy64[kCapacity], bias64[kCapacity], want[kCapacity];

void MakeInputs(const ConvGeometry& g, TestContext& test) {
  const Sizes sizes = FullConvSizes(g);
  test.Expect(sizes.Fit(kCapacity), "case fits the buffers");
  TestRandom random(11);
  for (int i = 0; i < sizes.x; ++i) {
    codes[i] = static_cast<int16_t>(random.Uniform() * 32767.0f);
    x64[i] = static_cast<double>(codes[i]) * static_cast<double>(kScale);
  }
  codes[0] = -32768;
  x64[0] = -32768.0 * static_cast<double>(kScale);
  random.Fill(w, sizes.w);
  random.Fill(dy, sizes.y);
  random.Fill(bias, g.out_c);
  ToDouble(w, sizes.w, w64);
  ToDouble(dy, sizes.y, dy64);
  ToDouble(bias, g.out_c, bias64);
}

void TestForward(TestContext& test) {
  for (const ConvCase& c : kCases) {
    const ConvGeometry g = c.Geometry();
    MakeInputs(g, test);
    test.Expect(ConvOfCodesWorkspace(g) <= kCapacity, "workspace fits");
    for (const bool biased : {false, true}) {
      GuardedArray<kCapacity> y(FullConvSizes(g).y);
      const Activation activation =
          biased ? Activation::kRelu : Activation::kNone;
      Conv2DOfCodes(g, codes, kScale, w, biased ? bias : nullptr, activation,
                    y.data(), workspace);
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
    const int floats = ConvOfCodesGradFilterWorkspace(g);
    test.Expect(floats <= kCapacity, "workspace fits");
    GuardedArray<kCapacity> dw(FullConvSizes(g).w);
    Conv2DOfCodesGradFilter(g, codes, kScale, dy, dw.data(), workspace);
    reference::Conv2DGradFilter<double>(g, x64, dy64, want);
    test.ExpectNear(dw.data(), want, dw.size(), tolerance::kConv, "dw");
    dw.ExpectIntact(test);
  }
}

void TestWorkspaceIsAll(TestContext& test) {
  for (const ConvCase& c : kCases) {
    const ConvGeometry g = c.Geometry();
    MakeInputs(g, test);
    GuardedArray<kCapacity> forward(ConvOfCodesWorkspace(g));
    Conv2DOfCodes(g, codes, kScale, w, nullptr, Activation::kNone,
                  reinterpret_cast<float*>(want), forward.data());
    forward.ExpectIntact(test);
    GuardedArray<kCapacity> gradient(ConvOfCodesGradFilterWorkspace(g));
    Conv2DOfCodesGradFilter(g, codes, kScale, dy,
                            reinterpret_cast<float*>(want), gradient.data());
    gradient.ExpectIntact(test);
  }
}

// From every alignment, and beyond both ends of a line.
void TestFloatsOfCodes(TestContext& test) {
  constexpr int kWidth = 41;
  for (int i = 0; i < kWidth; ++i) {
    codes[i] = static_cast<int16_t>(i * 1598 - 32768);
  }
  int compared = 0;
  for (int first = -3; first < 8; ++first) {
    for (int count = 1; count <= 40; count += 3) {
      GuardedArray<64> floats(count);
      FloatsOfCodes(codes, kWidth, first, count, floats.data());
      for (int i = 0; i < count; ++i, ++compared) {
        const int at = first + i;
        const bool inside = at >= 0 && at < kWidth;
        const float expected = inside ? static_cast<float>(codes[at]) : 0.0f;
        test.Expect(floats.data()[i] == expected, "float of a code");
      }
      floats.ExpectIntact(test);
    }
  }
  test.Expect(compared == 11 * 287, "all compared");
}

// From every alignment: the same as one by one.
void TestDequantise(TestContext& test) {
  constexpr int kCount = 41;
  for (int i = 0; i < kCount; ++i) {
    codes[i] = static_cast<int16_t>(i * 1598 - 32768);
  }
  int compared = 0;
  for (int first = 0; first < 4; ++first) {
    for (int count = 1; first + count <= kCount; count += 3) {
      GuardedArray<64> y(count);
      Dequantise(codes + first, count, kScale, y.data());
      for (int i = 0; i < count; ++i, ++compared) {
        const float expected = static_cast<float>(codes[first + i]) * kScale;
        test.Expect(y.data()[i] == expected, "scaled code");
      }
      y.ExpectIntact(test);
    }
  }
  test.Expect(compared == 2 * 287 + 2 * 247, "all compared");
}

constexpr TestCase kTests[] = {
    {"conv_codes_forward", TestForward},
    {"conv_codes_grad_filter", TestGradFilter},
    {"conv_codes_workspace", TestWorkspaceIsAll},
    {"floats_of_codes", TestFloatsOfCodes},
    {"dequantise", TestDequantise},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
