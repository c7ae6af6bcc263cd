// SPDX-License-Identifier: Apache-2.0
// Batch normalisation has one group for every channel, which all samples share,
// so that one oracle serves both.
#include "tflm_train/kernels/norm.h"

#include <cmath>

#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

struct Shape {
  int batch, channels, spatial, groups;  // 0 groups: batch normalisation
  int size() const { return batch * spatial * channels; }
  int statistics() const { return groups == 0 ? channels : batch * groups; }
  int group_of(int b, int c) const {
    return groups == 0 ? c : b * groups + c / (channels / groups);
  }
};

constexpr Shape kBatchShapes[] = {{1, 1, 5, 0}, {2, 3, 7, 0},
                                  {5, 8, 8, 0}, {3, 3, 100, 0},
                                  {8, 6, 1, 0}, {1, 1, 2100, 0}};
constexpr Shape kGroupShapes[] = {{1, 4, 5, 1},   {2, 6, 7, 3}, {3, 16, 1, 1},
                                  {2, 4, 140, 2}, {3, 6, 9, 6}, {4, 15, 1, 3}};

constexpr float kEpsilon = 1e-3f;
constexpr int kCapacity = 4096;
constexpr int kMaxChannels = 16;

float x[kCapacity], dy[kCapacity], gamma[kMaxChannels], beta[kMaxChannels];
double x64[kCapacity], dy64[kCapacity], gamma64[kMaxChannels];
double beta64[kMaxChannels];
double y64[kCapacity], mean64[64], variance64[64];

void MakeInputs(const Shape& s, TestContext& test) {
  test.Expect(s.size() <= kCapacity && s.channels <= kMaxChannels,
              "case fits the buffers");
  TestRandom random(13);
  random.Fill(x, s.size());
  // A mean well off zero shows sums that lose digits.
  for (int i = 0; i < s.size(); ++i) x[i] += 3.0f;
  random.Fill(dy, s.size());
  random.Fill(gamma, s.channels);
  random.Fill(beta, s.channels);
  ToDouble(x, s.size(), x64);
  ToDouble(dy, s.size(), dy64);
  ToDouble(gamma, s.channels, gamma64);
  ToDouble(beta, s.channels, beta64);
}

// Calls visit(index, channel, group) for every element.
template <typename Visit>
void ForEachElement(const Shape& s, Visit visit) {
  int index = 0;
  for (int b = 0; b < s.batch; ++b) {
    for (int c = 0; c < s.channels; ++c) {
      for (int i = 0; i < s.spatial; ++i) visit(index++, c, s.group_of(b, c));
    }
  }
}

void Forward64(const Shape& s) {
  const double count = s.size() / s.statistics();
  for (int group = 0; group < s.statistics(); ++group) {
    mean64[group] = variance64[group] = 0.0;
  }
  ForEachElement(
      s, [&](int i, int, int group) { mean64[group] += x64[i] / count; });
  ForEachElement(s, [&](int i, int, int group) {
    const double deviation = x64[i] - mean64[group];
    variance64[group] += deviation * deviation / count;
  });
  ForEachElement(s, [&](int i, int c, int group) {
    const double deviation =
        std::sqrt(variance64[group] + static_cast<double>(kEpsilon));
    y64[i] = (x64[i] - mean64[group]) / deviation * gamma64[c] + beta64[c];
  });
}

double Objective(const Shape& s) {
  Forward64(s);
  double sum = 0.0;
  for (int i = 0; i < s.size(); ++i) sum += y64[i] * dy64[i];
  return sum;
}

double Slope(const Shape& s, double* argument) {
  constexpr double kStep = 1e-4;
  const double at = *argument;
  *argument = at + kStep;
  const double above = Objective(s);
  *argument = at - kStep;
  const double below = Objective(s);
  *argument = at;
  return (above - below) / (2.0 * kStep);
}

struct BatchKernels {
  static void Forward(const Shape& s, float* y, float* mean, float* variance) {
    BatchNorm(x, gamma, beta, s.batch, s.channels, s.spatial, kEpsilon, y, mean,
              variance);
  }
  static void Grad(const Shape& s, const float* mean, const float* variance,
                   const float* grads, float* dx, float* dgamma, float* dbeta) {
    BatchNormGrad(x, gamma, mean, variance, grads, s.batch, s.channels,
                  s.spatial, kEpsilon, dx, dgamma, dbeta);
  }
};

struct GroupKernels {
  static void Forward(const Shape& s, float* y, float* mean, float* variance) {
    GroupNorm(x, gamma, beta, s.batch, s.channels, s.spatial, s.groups,
              kEpsilon, y, mean, variance);
  }
  static void Grad(const Shape& s, const float* mean, const float* variance,
                   const float* grads, float* dx, float* dgamma, float* dbeta) {
    GroupNormGrad(x, gamma, mean, variance, grads, s.batch, s.channels,
                  s.spatial, s.groups, kEpsilon, dx, dgamma, dbeta);
  }
};

template <typename Kernels, size_t kCount>
void ExpectForward(TestContext& test, const Shape (&shapes)[kCount]) {
  for (const Shape& s : shapes) {
    MakeInputs(s, test);
    GuardedArray<kCapacity> y(s.size());
    GuardedArray<64> mean(s.statistics()), variance(s.statistics());
    Kernels::Forward(s, y.data(), mean.data(), variance.data());
    Forward64(s);
    test.ExpectNear(y.data(), y64, y.size(), tolerance::kNorm, "y");
    test.ExpectNear(mean.data(), mean64, mean.size(), tolerance::kNorm, "mean");
    test.ExpectNear(variance.data(), variance64, variance.size(),
                    tolerance::kNorm, "variance");
    y.ExpectIntact(test);
    mean.ExpectIntact(test);
    variance.ExpectIntact(test);
  }
}

// All arguments at once, relative to the largest slope of each.
template <typename Kernels, size_t kCount>
void ExpectGrad(TestContext& test, const Shape (&shapes)[kCount]) {
  static double want[kCapacity];
  for (const Shape& s : shapes) {
    MakeInputs(s, test);
    float mean[64], variance[64];
    static float y[kCapacity];
    Kernels::Forward(s, y, mean, variance);
    GuardedArray<kCapacity> dx(s.size());
    GuardedArray<64> dgamma(s.channels), dbeta(s.channels);
    Kernels::Grad(s, mean, variance, dy, dx.data(), dgamma.data(),
                  dbeta.data());
    for (int c = 0; c < s.channels; ++c) want[c] = Slope(s, &gamma64[c]);
    test.ExpectNear(dgamma.data(), want, s.channels, tolerance::kNormGrad,
                    "dgamma");
    for (int c = 0; c < s.channels; ++c) want[c] = Slope(s, &beta64[c]);
    test.ExpectNear(dbeta.data(), want, s.channels, tolerance::kNormGrad,
                    "dbeta");
    for (int i = 0; i < s.size(); ++i) want[i] = Slope(s, &x64[i]);
    test.ExpectNear(dx.data(), want, s.size(), tolerance::kNormGrad, "dx");
    dx.ExpectIntact(test);
    dgamma.ExpectIntact(test);
    dbeta.ExpectIntact(test);

    // In place of dy.
    for (int i = 0; i < s.size(); ++i) y[i] = dy[i];
    Kernels::Grad(s, mean, variance, y, y, dgamma.data(), dbeta.data());
    test.ExpectSameBits(y, dx.data(), s.size(), "dx over dy");
  }
}

void TestBatchNorm(TestContext& test) {
  ExpectForward<BatchKernels>(test, kBatchShapes);
}
void TestBatchNormGrad(TestContext& test) {
  ExpectGrad<BatchKernels>(test, kBatchShapes);
}
void TestGroupNorm(TestContext& test) {
  ExpectForward<GroupKernels>(test, kGroupShapes);
}
void TestGroupNormGrad(TestContext& test) {
  ExpectGrad<GroupKernels>(test, kGroupShapes);
}

constexpr TestCase kTests[] = {
    {"batch_norm", TestBatchNorm},
    {"batch_norm_grad", TestBatchNormGrad},
    {"group_norm", TestGroupNorm},
    {"group_norm_grad", TestGroupNormGrad},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
