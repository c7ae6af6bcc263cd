// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/pool.h"

#include <initializer_list>
#include <limits>

#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/reference.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

struct PoolCase {
  int batch, in_h, in_w, channels, filter_h, filter_w, stride_h, stride_w;
  Padding padding;

  PoolGeometry Geometry() const {
    return {batch,
            in_h,
            in_w,
            channels,
            OutputSize(in_h, filter_h, stride_h, 1, padding),
            OutputSize(in_w, filter_w, stride_w, 1, padding),
            filter_h,
            filter_w,
            stride_h,
            stride_w,
            PadBefore(in_h, filter_h, stride_h, 1, padding),
            PadBefore(in_w, filter_w, stride_w, 1, padding)};
  }
};

constexpr PoolCase kCases[] = {
    // batch, h, w, c, fh, fw, sh, sw, padding
    {2, 1, 37, 3, 1, 4, 1, 4, Padding::kValid},
    {2, 1, 37, 3, 1, 4, 1, 4, Padding::kSame},
    {1, 1, 60, 5, 1, 20, 1, 4, Padding::kValid},
    {1, 7, 8, 2, 3, 3, 2, 2, Padding::kSame},
    {1, 7, 8, 9, 2, 3, 1, 1, Padding::kSame},
    {1, 6, 6, 4, 2, 2, 2, 2, Padding::kValid},
    {1, 5, 9, 1, 1, 1, 2, 3, Padding::kSame},
    {1, 2, 400, 2, 2, 400, 1, 1, Padding::kValid},
};

constexpr int kCapacity = 2048;
float x[kCapacity], y32[kCapacity], dy[kCapacity];
double x64[kCapacity], dy64[kCapacity], want[kCapacity];

int InputSize(const PoolGeometry& g) {
  return g.batch * g.in_h * g.in_w * g.channels;
}

int OutputSizeOf(const PoolGeometry& g) {
  return g.batch * g.out_h * g.out_w * g.channels;
}

// `levels` > 0 rounds x to a few values, so that windows have several maxima.
void MakeInputs(const PoolGeometry& g, int levels, TestContext& test) {
  test.Expect(InputSize(g) <= kCapacity && OutputSizeOf(g) <= kCapacity,
              "case fits the buffers");
  TestRandom random(11);
  random.Fill(x, InputSize(g));
  random.Fill(dy, OutputSizeOf(g));
  for (int i = 0; levels > 0 && i < InputSize(g); ++i) {
    x[i] =
        static_cast<float>(static_cast<int>(x[i] * static_cast<float>(levels)));
  }
  ToDouble(x, InputSize(g), x64);
  ToDouble(dy, OutputSizeOf(g), dy64);
}

void TestAverage(TestContext& test) {
  for (const PoolCase& c : kCases) {
    const PoolGeometry g = c.Geometry();
    MakeInputs(g, 0, test);
    GuardedArray<kCapacity> y(OutputSizeOf(g));
    AveragePool2D(g, x, Activation::kNone, y.data());
    reference::AveragePool2D<double>(g, x64, want);
    test.ExpectNear(y.data(), want, y.size(), tolerance::kPool, "y");
    y.ExpectIntact(test);

    GuardedArray<kCapacity> positive(OutputSizeOf(g));
    AveragePool2D(g, x, Activation::kRelu, positive.data());
    for (int i = 0; i < y.size(); ++i) want[i] = want[i] > 0.0 ? want[i] : 0.0;
    test.ExpectNear(positive.data(), want, y.size(), tolerance::kPool, "relu");
  }
}

void TestAverageGrad(TestContext& test) {
  for (const PoolCase& c : kCases) {
    const PoolGeometry g = c.Geometry();
    MakeInputs(g, 0, test);
    GuardedArray<kCapacity> dx(InputSize(g));
    AveragePool2DGrad(g, dy, dx.data());
    reference::AveragePool2DGrad<double>(g, dy64, want);
    test.ExpectNear(dx.data(), want, dx.size(), tolerance::kPool, "dx");
    dx.ExpectIntact(test);
  }
}

void TestMax(TestContext& test) {
  for (const PoolCase& c : kCases) {
    const PoolGeometry g = c.Geometry();
    MakeInputs(g, 0, test);
    GuardedArray<kCapacity> y(OutputSizeOf(g));
    MaxPool2D(g, x, Activation::kNone, y.data());
    reference::MaxPool2D<double>(g, x64, want);
    test.ExpectNear(y.data(), want, y.size(), 0.0, "y");
    y.ExpectIntact(test);
  }
}

// What a norm by gamma makes the largest, up to its sign.
void TestPeak(TestContext& test) {
  constexpr float kGammas[] = {0.5f, -2.0f, 0.0f};
  float gamma[kCapacity];
  for (const PoolCase& c : kCases) {
    const PoolGeometry g = c.Geometry();
    MakeInputs(g, 0, test);
    for (int i = 0; i < g.channels; ++i) gamma[i] = kGammas[i % 3];
    GuardedArray<kCapacity> y(OutputSizeOf(g));
    PeakPool2D(g, x, gamma, y.data());
    y.ExpectIntact(test);
    const int in = g.in_h * g.in_w;
    const int out = g.out_h * g.out_w;
    for (int line = 0; line < g.batch * g.channels; ++line) {
      const float scale = gamma[line % g.channels];
      for (int i = 0; i < in; ++i) x64[line * in + i] *= scale;
      for (int i = 0; i < out; ++i)
        y32[line * out + i] = y.data()[line * out + i] * scale;
    }
    reference::MaxPool2D<double>(g, x64, want);
    test.ExpectNear(y32, want, y.size(), 0.0, "normalised");
  }
}

void TestMaxGrad(TestContext& test) {
  for (const PoolCase& c : kCases) {
    for (int levels : {0, 2}) {
      const PoolGeometry g = c.Geometry();
      MakeInputs(g, levels, test);
      MaxPool2D(g, x, Activation::kNone, y32);
      GuardedArray<kCapacity> dx(InputSize(g));
      MaxPool2DGrad(g, x, y32, dy, dx.data());
      reference::MaxPool2DGrad<double>(g, x64, dy64, want);
      test.ExpectNear(dx.data(), want, dx.size(), tolerance::kPool, "dx");
      dx.ExpectIntact(test);
    }
  }
}

// The same maxima, and the same bits; ties, zeros of both signs, a NaN and what
// an activation made included.
void TestMaxGradOfIndices(TestContext& test) {
  uint8_t indices[kCapacity];
  float same[kCapacity];
  for (const PoolCase& c : kCases) {
    if (c.filter_h * c.filter_w > kMostIndexed) continue;
    for (const Activation activation : {Activation::kNone, Activation::kRelu}) {
      const PoolGeometry g = c.Geometry();
      MakeInputs(g, 2, test);
      for (int i = 0; i < InputSize(g); i += 5) x[i] = -x[i];
      x[InputSize(g) / 2] = std::numeric_limits<float>::quiet_NaN();
      MaxPool2D(g, x, activation, y32);
      MaxPool2DGrad(g, x, y32, dy, same);
      indices[OutputSizeOf(g)] = 77;
      MaxPool2DIndices(g, x, y32, indices);
      test.ExpectEqual(static_cast<int>(indices[OutputSizeOf(g)]), 77, "end");
      GuardedArray<kCapacity> dx(InputSize(g));
      MaxPool2DGradOfIndices(g, indices, dy, dx.data());
      for (int i = 0; i < dx.size(); ++i) {
        test.ExpectEqual(BitsOf(dx.data()[i]), BitsOf(same[i]), "dx");
      }
      dx.ExpectIntact(test);
    }
  }
}

// Whatever they are, nothing is written beyond dx, and nothing but windows get
// any slope.
void TestIndicesOutsideOfWindows(TestContext& test) {
  uint8_t indices[kCapacity];
  for (const PoolCase& c : kCases) {
    const PoolGeometry g = c.Geometry();
    MakeInputs(g, 0, test);
    for (int i = 0; i < kCapacity; ++i) {
      indices[i] = static_cast<uint8_t>(255 - i % 3 * 7);
    }
    GuardedArray<kCapacity> dx(InputSize(g));
    MaxPool2DGradOfIndices(g, indices, dy, dx.data());
    dx.ExpectIntact(test);
    if (c.filter_h * c.filter_w > 241) continue;
    for (int i = 0; i < dx.size(); ++i) {
      test.ExpectEqual(BitsOf(dx.data()[i]), 0, "no slope");
    }
  }
}

// sum(dy * y) by central differences. The step is small enough to keep every
// maximum where it is.
template <typename Forward>
void ExpectSlopes(TestContext& test, const PoolGeometry& g, const float* dx,
                  Forward forward) {
  constexpr double kStep = 1e-7;
  const auto objective = [&] {
    forward(g, x64, want);
    double sum = 0.0;
    for (int i = 0; i < OutputSizeOf(g); ++i) sum += want[i] * dy64[i];
    return sum;
  };
  for (int i = 0; i < InputSize(g); ++i) {
    const double at = x64[i];
    x64[i] = at + kStep;
    const double above = objective();
    x64[i] = at - kStep;
    const double below = objective();
    x64[i] = at;
    test.ExpectNear(static_cast<double>(dx[i]), (above - below) / (2.0 * kStep),
                    tolerance::kFiniteDifference, "slope");
  }
}

void TestFiniteDifferences(TestContext& test) {
  for (const PoolCase& c : kCases) {
    const PoolGeometry g = c.Geometry();
    if (InputSize(g) > 256) continue;
    MakeInputs(g, 0, test);
    GuardedArray<kCapacity> dx(InputSize(g));
    AveragePool2DGrad(g, dy, dx.data());
    ExpectSlopes(test, g, dx.data(), reference::AveragePool2D<double>);
    MaxPool2D(g, x, Activation::kNone, y32);
    MaxPool2DGrad(g, x, y32, dy, dx.data());
    ExpectSlopes(test, g, dx.data(), reference::MaxPool2D<double>);
  }
}

constexpr TestCase kTests[] = {
    {"average_pool", TestAverage},
    {"average_pool_grad", TestAverageGrad},
    {"max_pool", TestMax},
    {"peak_pool", TestPeak},
    {"max_pool_grad", TestMaxGrad},
    {"max_pool_grad_of_indices", TestMaxGradOfIndices},
    {"max_pool_indices_outside", TestIndicesOutsideOfWindows},
    {"pool_finite_differences", TestFiniteDifferences},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
