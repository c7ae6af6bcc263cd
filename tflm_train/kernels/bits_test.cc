// SPDX-License-Identifier: Apache-2.0
// The bits contract: every target computes these outputs to the last bit. A
// change of a hash is a change of what devices compute; make it knowingly.
#include <initializer_list>

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/attention.h"
#include "tflm_train/kernels/conv.h"
#include "tflm_train/kernels/conv_codes.h"
#include "tflm_train/kernels/depthwise.h"
#include "tflm_train/kernels/dropout.h"
#include "tflm_train/kernels/gelu.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/matmul.h"
#include "tflm_train/kernels/norm.h"
#include "tflm_train/kernels/norm_pool.h"
#include "tflm_train/kernels/pool.h"
#include "tflm_train/kernels/sign_bits.h"
#include "tflm_train/kernels/softmax.h"
#include "tflm_train/kernels/step_factors.h"
#include "tflm_train/kernels/update.h"
#include "tflm_train/testing/conv_cases.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"

namespace biotrain {
namespace {

constexpr int kCapacity = 4096;
float a[kCapacity], b[kCapacity], c[kCapacity], out[kCapacity];
float small[4][64];

void MakeInputs() {
  TestRandom random(21);
  random.Fill(a, kCapacity);
  random.Fill(b, kCapacity);
  random.Fill(c, kCapacity);
  for (float* values : {small[0], small[1]}) random.Fill(values, 64);
}

// FNV-1a, a word at a time.
uint32_t Hash(const float* values, int n) {
  uint32_t hash = 2166136261u;
  for (int i = 0; i < n; ++i) {
    hash = (hash ^ static_cast<uint32_t>(BitsOf(values[i]))) * 16777619u;
  }
  return hash;
}

void ExpectHash(TestContext& test, int n, uint32_t want, const char* what) {
  test.ExpectEqual(Hash(out, n), want, what);
}

void TestConv(TestContext& test) {
  MakeInputs();
  struct Case {
    ConvCase conv;
    uint32_t y, dw, dx;
  };
  constexpr Case kCases[] = {
      {{1, 2, 150, 1, 8, 1, 64, 1, 1, 1, 1, Padding::kSame},
       0xc1a15302u,
       0x0505a413u,
       0x373e5a69u},
      {{2, 6, 7, 3, 5, 3, 3, 1, 1, 1, 1, Padding::kSame},
       0x36de637bu,
       0x6ba24347u,
       0xe2398730u},
      {{1, 9, 12, 2, 3, 3, 4, 2, 2, 2, 3, Padding::kSame},
       0x104770b0u,
       0x4c0f6d0fu,
       0xbc400425u},
      {{1, 2, 31, 16, 4, 1, 8, 1, 1, 1, 1, Padding::kSame},
       0xd93f2239u,
       0x7cb4dab8u,
       0x0187886cu},
      {{2, 1, 70, 3, 5, 1, 20, 1, 1, 1, 1, Padding::kSame},
       0x0caf2d65u,
       0x83ab4f26u,
       0xa13f9c88u},
      {{1, 22, 60, 1, 16, 22, 1, 1, 1, 1, 1, Padding::kValid},
       0x578abba6u,
       0x7ddd57feu,
       0x152465f1u},
      {{1, 1, 20, 90, 3, 1, 5, 1, 1, 1, 1, Padding::kSame},
       0x11908f2au,
       0x4fe7ea7au,
       0x85f30765u},
  };
  for (const Case& one : kCases) {
    const ConvGeometry g = one.conv.Geometry();
    const Sizes sizes = FullConvSizes(g);
    test.Expect(sizes.Fit(kCapacity), "case fits the buffers");
    Conv2D(g, a, b, small[0], Activation::kNone, out);
    ExpectHash(test, sizes.y, one.y, "conv");
    Conv2DGradFilter(g, a, c, out);
    ExpectHash(test, sizes.w, one.dw, "conv grad filter");
    Conv2DGradInput(g, b, c, out);
    ExpectHash(test, sizes.x, one.dx, "conv grad input");
  }
}

void TestDepthwise(TestContext& test) {
  MakeInputs();
  struct Case {
    ConvCase conv;
    uint32_t y, dw, dx;
  };
  constexpr Case kCases[] = {
      {{1, 15, 19, 4, 8, 15, 1, 1, 1, 1, 1, Padding::kValid},
       0xe1291923u,
       0xd4562abbu,
       0x4dc0e7cau},
      {{1, 1, 80, 6, 6, 1, 16, 1, 1, 1, 1, Padding::kSame},
       0xa62897d2u,
       0xb21ebe91u,
       0x244ceae7u},
      {{1, 1, 300, 2, 4, 1, 64, 1, 1, 1, 1, Padding::kSame},
       0xcee83724u,
       0x7bf11720u,
       0xcd5d6977u},
      {{1, 1, 400, 2, 2, 1, 128, 1, 1, 1, 1, Padding::kSame},
       0x33910f09u,
       0x4bb8c064u,
       0x2a018ef5u},
      {{1, 22, 60, 2, 4, 22, 1, 1, 1, 1, 1, Padding::kValid},
       0x45cb550bu,
       0x15845522u,
       0xbdc9e0f8u},
      {{1, 9, 12, 2, 6, 3, 4, 2, 2, 2, 3, Padding::kSame},
       0x793c646fu,
       0xb78a12c8u,
       0x9625c35du},
  };
  for (const Case& one : kCases) {
    const ConvGeometry g = one.conv.Geometry();
    const Sizes sizes = DepthwiseSizes(g);
    test.Expect(sizes.Fit(kCapacity), "case fits the buffers");
    DepthwiseConv2D(g, a, b, small[0], Activation::kRelu, out);
    ExpectHash(test, sizes.y, one.y, "depthwise");
    DepthwiseConv2DGradFilter(g, a, c, out);
    ExpectHash(test, sizes.w, one.dw, "depthwise grad filter");
    DepthwiseConv2DGradInput(g, b, c, out);
    ExpectHash(test, sizes.x, one.dx, "depthwise grad input");
  }
}

void TestFastFir(TestContext& test) {
  MakeInputs();
  static float workspace[6000];
  const ConvCase wide = {1, 1, 700, 1, 2, 1, 64, 1, 1, 1, 1, Padding::kSame};
  const ConvGeometry g = wide.Geometry();
  test.Expect(ConvWorkspace(g) > 0 && ConvWorkspace(g) <= 6000, "is fast");
  Conv2D(g, a, b, nullptr, Activation::kNone, out, workspace);
  ExpectHash(test, 1400, 0xbdac7d52u, "fast conv");
  test.Expect(ConvGradFilterWorkspace(g) <= 6000, "fits the workspace");
  Conv2DGradFilter(g, a, c, out, workspace);
  ExpectHash(test, 128, 0xff33374bu, "fast conv grad filter");
  const ConvCase deep = {1, 1, 700, 2, 2, 1, 64, 1, 1, 1, 1, Padding::kSame};
  DepthwiseConv2DGradInput(deep.Geometry(), b, c, out, workspace);
  ExpectHash(test, 1400, 0xb3875c50u, "fast depthwise grad input");
}

void TestPool(TestContext& test) {
  MakeInputs();
  const PoolGeometry g = {1, 7, 8, 9, 4, 4, 3, 3, 2, 2, 1, 0};
  AveragePool2D(g, a, Activation::kNone, out);
  ExpectHash(test, 4 * 4 * 9, 0x85de5fe8u, "average pool");
  AveragePool2DGrad(g, b, out);
  ExpectHash(test, 7 * 8 * 9, 0xf0991b0bu, "average pool grad");
}

void TestMasks(TestContext& test) {
  MakeInputs();
  static uint8_t masks[kCapacity];
  const PoolGeometry g = {1, 7, 8, 9, 4, 4, 3, 3, 2, 2, 1, 0};
  MaxPool2D(g, a, Activation::kRelu, out);
  MaxPool2DIndices(g, a, out, masks);
  MaxPool2DGradOfIndices(g, masks, b, out);
  ExpectHash(test, 7 * 8 * 9, 0x59da2159u, "max pool grad of indices");
  MaxPool2D(g, a, Activation::kRelu, out);
  MaxPool2DGrad(g, a, out, b, c);
  for (int i = 0; i < 7 * 8 * 9; ++i) out[i] = c[i];
  ExpectHash(test, 7 * 8 * 9, 0x59da2159u, "max pool grad");
  ReluBits(a, 62, 66, masks);
  ReluGradOfBits(masks, b, 62, 66, out);
  ExpectHash(test, 62 * 66, 0x5e989fc9u, "relu grad of bits");
  LeakyReluGradOfBits(masks, b, 62, 66, 0.3f, out);
  ExpectHash(test, 62 * 66, 0x1b41cb4du, "leaky relu grad of bits");
  for (float& value : a) value *= 20.0f;
  Relu6Bits(a, 62, 66, masks);
  ReluGradOfBits(masks, b, 62, 66, out);
  ExpectHash(test, 62 * 66, 0x652db551u, "relu6 grad of bits");
}

void TestMatMulAndSoftmax(TestContext& test) {
  MakeInputs();
  MatMul(a, false, b, true, 8, 300, 5, small[0], Activation::kNone, out);
  ExpectHash(test, 40, 0xa3c7f187u, "matmul");
  Softmax(a, 16, 9, 1.0f, out);
  ExpectHash(test, 16 * 9, 0x9066f54cu, "softmax");
  LogSoftmax(a, 16, 9, out);
  ExpectHash(test, 16 * 9, 0x5687e561u, "log softmax");
}

void TestNorm(TestContext& test) {
  MakeInputs();
  BatchNorm(a, small[0], small[1], 3, 9, 100, 1e-3f, out, small[2], small[3]);
  ExpectHash(test, 2700, 0x108f1aa9u, "batch norm");
  BatchNormGrad(a, small[0], small[2], small[3], b, 3, 9, 100, 1e-3f, out,
                small[1], small[1] + 32);
  ExpectHash(test, 2700, 0xc7a4bb27u, "batch norm grad");
  GroupNorm(a, small[0], small[1], 2, 12, 40, 3, 1e-3f, out, small[2],
            small[3]);
  ExpectHash(test, 960, 0x4226acb8u, "group norm");
  GroupNormGrad(a, small[0], small[2], small[3], b, 2, 12, 40, 3, 1e-3f, out,
                small[1], small[1] + 32);
  ExpectHash(test, 960, 0xa699fbb9u, "group norm grad");
}

void TestNormPool(TestContext& test) {
  MakeInputs();
  const PoolGeometry g = {2, 2, 50, 9, 2, 12, 1, 4, 1, 4, 0, 0};
  static float peak[9 * 100];
  BatchNormMaxPool(g, a, small[0], small[1], 1e-3f, Activation::kRelu, out,
                   small[2], small[3], peak);
  ExpectHash(test, 2 * 9 * 24, 0xf2284695u, "norm in pool");
  BatchNormMaxPoolGrad(g, small[0], small[2], small[3], peak, b, a, 1e-3f, out,
                       small[1], small[1] + 32);
  ExpectHash(test, 2 * 9 * 100, 0xbca9e462u, "norm in pool grad");
}

void TestElementwise(TestContext& test) {
  MakeInputs();
  for (float& value : a) value *= 20.0f;
  Elu(a, kCapacity, out);
  ExpectHash(test, kCapacity, 0x2f347cc4u, "elu");
  EluGrad(out, b, kCapacity, out);
  ExpectHash(test, kCapacity, 0xfbb04d28u, "elu grad");
  TanhForward(a, kCapacity, out);
  ExpectHash(test, kCapacity, 0x20458c53u, "tanh");
  TanhGrad(out, b, kCapacity, out);
  ExpectHash(test, kCapacity, 0xd690e497u, "tanh grad");
  Sigmoid(a, kCapacity, out);
  ExpectHash(test, kCapacity, 0x1289794fu, "sigmoid");
  SigmoidGrad(out, b, kCapacity, out);
  ExpectHash(test, kCapacity, 0x4ae9ddfdu, "sigmoid grad");
  for (int i = 0; i < kCapacity; ++i) out[i] = Exp(a[i] * 4.0f);
  ExpectHash(test, kCapacity, 0x8dce6a22u, "exp");
  for (float& value : out) value = Log(value + 1e-30f);
  ExpectHash(test, kCapacity, 0xeded6d51u, "log");
  SgdMomentum(a, b, c, kCapacity, 0.01f, 0.9f, out, c);
  ExpectHash(test, kCapacity, 0x71493dcfu, "momentum");
  Dropout({0.25, 3, false}, 7, 11, a, 2, 32, 64, out);
  ExpectHash(test, kCapacity, 0x79094b23u, "dropout");
}

void TestUpdatesOfTheStep(TestContext& test) {
  MakeInputs();
  const StepParams params = {0.1, 7, 0.9, 0.999, 0.01, 2.0, 2, 3, 0};
  SquareSum(a, kCapacity, out);
  for (int step = 0; step < 10; ++step) {
    float* const factors = out + 1 + 5 * step;
    StepFactors(params, step, out, factors, factors + kStepFactors);
  }
  ExpectHash(test, 51, 0xd0a266aau, "factors");
  const float factors[kStepFactors] = {0.01f, 0.99f, 0.5f, 1.0f};
  for (float& value : c) value *= value;
  Adam(a, b, c, c, kCapacity, factors, {0.1f, 0.001f, 1e-7f}, a, b, out);
  ExpectHash(test, kCapacity, 0x3a9f156eu, "variances of adam");
  SgdMomentumOfStep(a, b, c, kCapacity, factors, 0.9f, out, b);
  ExpectHash(test, kCapacity, 0x8266eb4bu, "momentum after adam");
  SgdOfStep(a, b, kCapacity, factors, out);
  ExpectHash(test, kCapacity, 0x0a3f7e8eu, "descent");
}

void TestTokens(TestContext& test) {
  MakeInputs();
  for (float& value : a) value *= 3.0f;
  Gelu(a, kCapacity, out);
  ExpectHash(test, kCapacity, 0xe23bf1e1u, "gelu");
  GeluGrad(a, b, kCapacity, out);
  ExpectHash(test, kCapacity, 0x84650aa3u, "gelu grad");
  GeluTanh(a, kCapacity, out);
  ExpectHash(test, kCapacity, 0xa0e291bbu, "gelu tanh");
  GeluTanhGrad(a, b, kCapacity, out);
  ExpectHash(test, kCapacity, 0xa1dfa815u, "gelu tanh grad");
  const AttentionShape s = {2, 2, 18, 18, 8, 8, 0.35f, false};
  constexpr int kTokens = 2 * 18 * 16, kPairs = 2 * 2 * 18 * 18;
  static float y[kTokens];
  float* const p = out + 3 * kTokens;
  Attention(s, a, b, c, y, p);
  ExpectHash(test, 3 * kTokens + kPairs, 0xf696f6a6u, "attention weights");
  AttentionGrad(s, a, b, c, y, a + kTokens, p, p, out, out + kTokens,
                out + 2 * kTokens);
  ExpectHash(test, 3 * kTokens + kPairs, 0x81440eccu, "attention grad");
}

void TestConvOfCodes(TestContext& test) {
  MakeInputs();
  static int16_t codes[kCapacity];
  for (int i = 0; i < kCapacity; ++i) {
    codes[i] = static_cast<int16_t>(a[i] * 32767.0f);
  }
  // A column of rows in words and one that is not; pieces of a long line.
  const ConvGeometry shapes[] = {
      {1, 22, 90, 1, 1, 90, 3, 22, 1, 1, 1, 1, 1, 0, 0},
      {1, 22, 91, 1, 1, 91, 3, 22, 1, 1, 1, 1, 1, 0, 0},
      {1, 2, 500, 1, 2, 500, 3, 1, 9, 1, 1, 1, 1, 0, 4}};
  const uint32_t forward[] = {0xad5b887cu, 0x3f685a31u, 0x96d71551u};
  const uint32_t gradient[] = {0x947704d8u, 0xa9a68e83u, 0x75fd3e35u};
  static float workspace[kCapacity];
  for (int i = 0; i < 3; ++i) {
    const ConvGeometry& g = shapes[i];
    Conv2DOfCodes(g, codes, 3e-4f, b, nullptr, Activation::kNone, out,
                  workspace);
    ExpectHash(test, g.out_h * g.out_w * g.out_c, forward[i], "conv of codes");
    Conv2DOfCodesGradFilter(g, codes, 3e-4f, b, out, workspace);
    ExpectHash(test, g.filter_h * g.filter_w * g.out_c, gradient[i],
               "conv of codes, grad filter");
  }
}

constexpr TestCase kTests[] = {
    {"bits_conv", TestConv},
    {"bits_conv_of_codes", TestConvOfCodes},
    {"bits_depthwise", TestDepthwise},
    {"bits_pool", TestPool},
    {"bits_masks", TestMasks},
    {"bits_matmul_softmax", TestMatMulAndSoftmax},
    {"bits_norm", TestNorm},
    {"bits_norm_pool", TestNormPool},
    {"bits_elementwise", TestElementwise},
    {"bits_fast_fir", TestFastFir},
    {"bits_tokens", TestTokens},
    {"bits_updates_of_the_step", TestUpdatesOfTheStep},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
