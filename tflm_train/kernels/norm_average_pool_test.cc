// SPDX-License-Identifier: Apache-2.0
// The fused kernels against the kernels they stand for, one after the other.
#include "tflm_train/kernels/norm_average_pool.h"

#include "tflm_train/kernels/activation.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"

namespace biotrain {
namespace {

struct Case {
  int batch, channels, rows, columns, width;
  int group;  // channels that share a statistic
  bool shared;

  NormShape Shape() const {
    return {batch, channels, rows * columns, group, shared};
  }
  PoolGeometry Pool() const {
    return {batch, rows,  columns, channels, rows, columns / width,
            1,     width, 1,       width,    0,    0};
  }
  int lines() const { return batch * channels; }
  int size() const { return lines() * rows * columns; }
  int pooled() const { return lines() * rows * (columns / width); }
};

constexpr Case kCases[] = {
    {1, 1, 1, 8, 8, 1, true},    {2, 3, 2, 37, 4, 1, true},
    {3, 4, 2, 31, 4, 2, false},  {2, 2, 1, 300, 1, 1, true},
    {1, 3, 3, 50, 7, 3, false},  {4, 3, 2, 40, 8, 1, true},
    {2, 5, 1, 9, 9, 5, true},    {1, 2, 1, 1500, 3, 2, false},
    {1, 1, 1, 700, 300, 1, true}};
constexpr NormActivation kActivations[] = {
    NormActivation::kNone, NormActivation::kRelu, NormActivation::kRelu6,
    NormActivation::kElu};

constexpr float kEpsilon = 1e-3f;
constexpr int kCapacity = 3072;
constexpr int kMaxLines = 32;

float x[kCapacity], dy[kCapacity], gamma[kMaxLines], beta[kMaxLines];
float mean[kMaxLines], variance[kMaxLines];
float normed[kCapacity], slopes[kCapacity];
float want[kCapacity], got[kCapacity], products[kCapacity];
uint8_t counts[kCapacity];

void MakeInputs(const Case& c, TestContext& test) {
  test.Expect(c.size() <= kCapacity && c.lines() <= kMaxLines,
              "case fits the buffers");
  TestRandom random(31);
  random.Fill(x, c.size());
  for (int i = 0; i < c.size(); ++i) x[i] = 3.0f * x[i] + 0.5f;
  random.Fill(dy, c.pooled());
  random.Fill(gamma, kMaxLines);
  random.Fill(beta, kMaxLines);
  random.Fill(mean, kMaxLines);
  random.Fill(variance, kMaxLines);
  for (float& v : variance) v = v * v + 0.25f;
  gamma[0] = -4.0f;
  beta[0] = 1.0f;
}

void Act(NormActivation activation, int n) {
  if (activation == NormActivation::kRelu) Relu(normed, n, normed);
  if (activation == NormActivation::kRelu6) Relu6(normed, n, normed);
  if (activation == NormActivation::kElu) Elu(normed, n, normed);
}

void ActGrad(NormActivation activation, int n) {
  if (activation == NormActivation::kRelu) ReluGrad(normed, slopes, n, slopes);
  if (activation == NormActivation::kRelu6) {
    Relu6Grad(normed, slopes, n, slopes);
  }
  if (activation == NormActivation::kElu) EluGrad(normed, slopes, n, slopes);
}

void TestPool(TestContext& test) {
  for (const Case& c : kCases) {
    MakeInputs(c, test);
    for (const NormActivation activation : kActivations) {
      Normalise(c.Shape(), x, gamma, beta, mean, variance, kEpsilon, normed);
      Act(activation, c.size());
      AveragePool2D(c.Pool(), normed, Activation::kNone, want);
      NormAveragePool(c.Shape(), c.Pool(), activation, x, gamma, beta, mean,
                      variance, kEpsilon, got);
      test.ExpectSameBits(got, want, c.pooled(), "y");
    }
  }
}

// Of the lines of pooled a and b.
void LineSums(const Case& c, const float* a, const float* b, float* sums) {
  const int n = c.pooled() / c.lines();
  for (int line = 0; line < c.lines(); ++line) {
    double sum = 0.0;
    for (int i = line * n; i < line * n + n; ++i) {
      sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    }
    sums[line] = static_cast<float>(sum);
  }
}

void TestBack(TestContext& test) {
  float want_gamma[kMaxLines], want_beta[kMaxLines];
  float got_gamma[kMaxLines], got_beta[kMaxLines];
  for (const Case& c : kCases) {
    MakeInputs(c, test);
    for (const NormActivation activation : kActivations) {
      Normalise(c.Shape(), x, gamma, beta, mean, variance, kEpsilon, normed);
      Act(activation, c.size());
      AveragePool2DGrad(c.Pool(), dy, slopes);
      ActGrad(activation, c.size());
      NormGradSums(c.Shape(), x, mean, variance, slopes, kEpsilon, want_gamma,
                   want_beta);
      NormPoolGradSums(c.Shape(), c.Pool(), activation, x, gamma, beta, mean,
                       variance, dy, kEpsilon, got_gamma, got_beta);
      test.ExpectNear(got_beta, want_beta, c.lines(), 1e-5, "beta");
      test.ExpectNear(got_gamma, want_gamma, c.lines(), 1e-5, "gamma");
      NormGradInput(c.Shape(), x, gamma, mean, variance, beta, gamma, slopes,
                    kEpsilon, want);
      NormPoolGradInput(c.Shape(), c.Pool(), activation, x, gamma, beta, mean,
                        variance, beta, gamma, dy, kEpsilon, got);
      test.ExpectSameBits(got, want, c.size(), "dx");
      for (int i = 0; i < c.size(); ++i) normed[i] = x[i];
      NormPoolGradInput(c.Shape(), c.Pool(), activation, normed, gamma, beta,
                        mean, variance, beta, gamma, dy, kEpsilon, normed);
      test.ExpectSameBits(normed, want, c.size(), "dx over x");
    }
  }
}

void TestSums(TestContext& test) {
  constexpr double kTolerance = 2e-4;
  float want_gamma[kMaxLines], want_beta[kMaxLines], sums[kMaxLines];
  for (const Case& c : kCases) {
    MakeInputs(c, test);
    for (const NormActivation activation : kActivations) {
      Normalise(c.Shape(), x, gamma, beta, mean, variance, kEpsilon, normed);
      Act(activation, c.size());
      AveragePool2DGrad(c.Pool(), dy, slopes);
      ActGrad(activation, c.size());
      NormGradSums(c.Shape(), x, mean, variance, slopes, kEpsilon, want_gamma,
                   want_beta);
      NormSlopePool(c.Shape(), c.Pool(), activation, x, gamma, beta, mean,
                    variance, kEpsilon, got, products);
      LineSums(c, dy, got, sums);
      test.ExpectNear(sums, want_beta, c.lines(), kTolerance, "beta");
      LineSums(c, dy, products, sums);
      test.ExpectNear(sums, want_gamma, c.lines(), kTolerance, "gamma");
      if (activation == NormActivation::kElu || c.width > 255) continue;
      NormCountPool(c.Shape(), c.Pool(), activation, x, gamma, beta, mean,
                    variance, kEpsilon, counts, want);
      test.ExpectNear(want, products, c.pooled(), 1e-5, "products");
      SlopesOfCounts(counts, c.lines() * c.rows, c.columns / c.width, c.width,
                     want);
      test.ExpectSameBits(want, got, c.pooled(), "slopes of counts");
    }
  }
}

constexpr TestCase kTests[] = {
    {"norm_average_pool", TestPool},
    {"norm_slope_pool", TestSums},
    {"norm_pool_grad", TestBack},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
