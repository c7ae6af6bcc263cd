// SPDX-License-Identifier: Apache-2.0
// The fused kernels against the kernels they stand for, one after the other.
#include "tflm_train/kernels/norm_pool.h"

#include <cmath>
#include <initializer_list>

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/norm.h"
#include "tflm_train/kernels/pool.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

struct Case {
  int batch, channels, rows, columns, width;
  int levels;  // > 0: x has a few values only, and windows several maxima

  PoolGeometry Geometry() const {
    return {batch, rows,  columns, channels, rows, columns / width,
            1,     width, 1,       width,    0,    0};
  }
  int size() const { return batch * channels * rows * columns; }
  int pooled() const { return batch * channels * rows * (columns / width); }
};

constexpr Case kCases[] = {
    {1, 1, 1, 8, 8, 0},    {2, 3, 2, 37, 4, 0},   {3, 4, 2, 31, 4, 2},
    {2, 2, 1, 1100, 1, 0}, {1, 3, 3, 50, 7, 0},   {4, 3, 2, 40, 8, 3},
    {2, 5, 1, 9, 9, 0},    {1, 2, 1, 1500, 3, 0},
};

constexpr float kEpsilon = 1e-3f;
constexpr int kCapacity = 4608;
constexpr int kMaxChannels = 8;

float x[kCapacity], dy[kCapacity], gamma[kMaxChannels], beta[kMaxChannels];
float normed[kCapacity], slopes[kCapacity];

void MakeInputs(const Case& c, TestContext& test) {
  test.Expect(c.size() <= kCapacity && c.channels <= kMaxChannels,
              "case fits the buffers");
  TestRandom random(29);
  random.Fill(x, c.size());
  for (int i = 0; i < c.size(); ++i) {
    if (c.levels > 0) {
      x[i] = static_cast<float>(
          static_cast<int>(x[i] * static_cast<float>(c.levels)));
    }
    x[i] += 0.5f;
  }
  random.Fill(dy, c.pooled());
  random.Fill(gamma, c.channels);
  random.Fill(beta, c.channels);
  gamma[0] = -1.5f;
  // All of a normalised window is its maximum.
  if (c.channels > 2) gamma[2] = 0.0f;
}

struct Result {
  float y[kCapacity], mean[kMaxChannels], variance[kMaxChannels];
  float dx[kCapacity], dgamma[kMaxChannels], dbeta[kMaxChannels];
};

// What reaches the pool's output of dy.
void Mask(const Case& c, Activation activation, const float* y) {
  if (activation == Activation::kRelu) ReluGrad(y, dy, c.pooled(), dy);
}

void OneAfterTheOther(const Case& c, Activation activation, Result* r) {
  const PoolGeometry g = c.Geometry();
  const int spatial = c.rows * c.columns;
  BatchNorm(x, gamma, beta, c.batch, c.channels, spatial, kEpsilon, normed,
            r->mean, r->variance);
  MaxPool2D(g, normed, activation, r->y);
  Mask(c, activation, r->y);
  MaxPool2DGrad(g, normed, r->y, dy, slopes);
  BatchNormGrad(x, gamma, r->mean, r->variance, slopes, c.batch, c.channels,
                spatial, kEpsilon, r->dx, r->dgamma, r->dbeta);
}

void ExpectSameAsPlain(const Case& c, Activation activation,
                       TestContext& test) {
  static Result want;
  static float peak[kCapacity], in_place[kCapacity];
  const PoolGeometry g = c.Geometry();
  MakeInputs(c, test);
  OneAfterTheOther(c, activation, &want);
  GuardedArray<kCapacity> y(c.pooled()), dx(c.size());
  GuardedArray<kMaxChannels> mean(c.channels), variance(c.channels);
  GuardedArray<kMaxChannels> dgamma(c.channels), dbeta(c.channels);
  BatchNormMaxPool(g, x, gamma, beta, kEpsilon, activation, y.data(),
                   mean.data(), variance.data(), peak);
  test.ExpectSameBits(y.data(), want.y, c.pooled(), "y");
  test.ExpectSameBits(mean.data(), want.mean, c.channels, "mean");
  test.ExpectSameBits(variance.data(), want.variance, c.channels, "variance");

  const auto grad = [&](const float* values, float* out) {
    BatchNormMaxPoolGrad(g, gamma, mean.data(), variance.data(), peak, dy,
                         values, kEpsilon, out, dgamma.data(), dbeta.data());
  };
  grad(x, dx.data());
  static double want64[kCapacity];
  const auto near = [&](const float* got, const float* plain, int n,
                        const char* what) {
    ToDouble(plain, n, want64);
    test.ExpectNear(got, want64, n, tolerance::kNormGrad, what);
  };
  near(dx.data(), want.dx, c.size(), "dx");
  near(dbeta.data(), want.dbeta, c.channels, "dbeta");
  near(dgamma.data(), want.dgamma, c.channels, "dgamma");
  for (const auto* array : {&y, &dx}) array->ExpectIntact(test);
  for (const auto* array : {&mean, &variance, &dgamma, &dbeta}) {
    array->ExpectIntact(test);
  }
  for (int i = 0; i < c.size(); ++i) in_place[i] = x[i];
  grad(in_place, in_place);
  test.ExpectSameBits(in_place, dx.data(), c.size(), "dx over x");
}

void TestPlain(TestContext& test) {
  for (const Case& c : kCases) ExpectSameAsPlain(c, Activation::kNone, test);
}

void TestRelu(TestContext& test) {
  for (const Case& c : kCases) ExpectSameAsPlain(c, Activation::kRelu, test);
}

// A peak that is not in its window gives its slope to nobody, and writes
// nowhere.
void TestForeignPeak(TestContext& test) {
  const Case c = {2, 3, 2, 37, 4, 0};
  MakeInputs(c, test);
  static float peak[kCapacity], mean[kMaxChannels], variance[kMaxChannels];
  GuardedArray<kCapacity> y(c.pooled()), dx(c.size());
  BatchNormMaxPool(c.Geometry(), x, gamma, beta, kEpsilon, Activation::kNone,
                   y.data(), mean, variance, peak);
  for (int i = 0; i < c.pooled(); ++i) peak[i] = 100.0f;
  float dgamma[kMaxChannels], dbeta[kMaxChannels];
  BatchNormMaxPoolGrad(c.Geometry(), gamma, mean, variance, peak, dy, x,
                       kEpsilon, dx.data(), dgamma, dbeta);
  dx.ExpectIntact(test);
}

void TestNaNStays(TestContext& test) {
  const Case c = {2, 3, 2, 37, 4, 0};
  MakeInputs(c, test);
  x[5] = std::nanf("");  // of channel 0
  static float y[kCapacity], peak[kCapacity];
  float mean[kMaxChannels], variance[kMaxChannels];
  BatchNormMaxPool(c.Geometry(), x, gamma, beta, kEpsilon, Activation::kRelu, y,
                   mean, variance, peak);
  const int plane = c.rows * (c.columns / c.width);
  for (int i = 0; i < plane; ++i) test.Expect(y[i] != y[i], "a NaN");
  for (int i = plane; i < 3 * plane; ++i) test.Expect(y[i] == y[i], "a number");
}

constexpr TestCase kTests[] = {
    {"norm_pool", TestPlain},
    {"norm_pool_relu", TestRelu},
    {"norm_pool_foreign_peak", TestForeignPeak},
    {"norm_pool_nan", TestNaNStays},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
