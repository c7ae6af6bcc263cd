// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/update.h"

#include "tflm_train/kernels/step_factors.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

constexpr int kSize = 37;
constexpr float kRate = 0.05f;
constexpr float kMomentum = 0.9f;
float w[kSize], m[kSize], g[kSize];
double want_w[kSize], want_m[kSize];

void MakeInputs() {
  TestRandom random(9);
  random.Fill(w, kSize);
  random.Fill(m, kSize);
  random.Fill(g, kSize);
}

void TestSgd(TestContext& test) {
  MakeInputs();
  for (int i = 0; i < kSize; ++i) {
    want_w[i] = static_cast<double>(w[i]) -
                static_cast<double>(kRate) * static_cast<double>(g[i]);
  }
  GuardedArray<kSize> w_out(kSize);
  Sgd(w, g, kSize, kRate, w_out.data());
  test.ExpectNear(w_out.data(), want_w, kSize, tolerance::kUpdate, "w");
  w_out.ExpectIntact(test);
  Sgd(w, g, kSize, kRate, w);
  test.ExpectSameBits(w, w_out.data(), kSize, "in place");
}

void TestSgdMomentum(TestContext& test) {
  MakeInputs();
  for (int i = 0; i < kSize; ++i) {
    want_m[i] = static_cast<double>(kMomentum) * static_cast<double>(m[i]) -
                static_cast<double>(kRate) * static_cast<double>(g[i]);
    want_w[i] = static_cast<double>(w[i]) + want_m[i];
  }
  GuardedArray<kSize> w_out(kSize), m_out(kSize);
  SgdMomentum(w, m, g, kSize, kRate, kMomentum, w_out.data(), m_out.data());
  test.ExpectNear(w_out.data(), want_w, kSize, tolerance::kUpdate, "w");
  test.ExpectNear(m_out.data(), want_m, kSize, tolerance::kUpdate, "m");
  w_out.ExpectIntact(test);
  m_out.ExpectIntact(test);
  SgdMomentum(w, m, g, kSize, kRate, kMomentum, w, m);
  test.ExpectSameBits(w, w_out.data(), kSize, "w in place");
  test.ExpectSameBits(m, m_out.data(), kSize, "m in place");
}

void TestSgdMomentumOfStep(TestContext& test) {
  MakeInputs();
  const float factors[kStepFactors] = {kRate, 0.75f, 0.5f, 1.0f};
  for (int i = 0; i < kSize; ++i) {
    const double g_i = 0.5 * static_cast<double>(g[i]);
    want_m[i] = static_cast<double>(kMomentum) * static_cast<double>(m[i]) -
                static_cast<double>(kRate) * g_i;
    want_w[i] = 0.75 * static_cast<double>(w[i]) + want_m[i];
  }
  GuardedArray<kSize> w_out(kSize), m_out(kSize);
  SgdMomentumOfStep(w, m, g, kSize, factors, kMomentum, w_out.data(),
                    m_out.data());
  test.ExpectNear(w_out.data(), want_w, kSize, tolerance::kUpdate, "w");
  test.ExpectNear(m_out.data(), want_m, kSize, tolerance::kUpdate, "m");
  w_out.ExpectIntact(test);
  m_out.ExpectIntact(test);
  for (int i = 0; i < kSize; ++i) {
    want_w[i] = 0.75 * static_cast<double>(w[i]) -
                0.5 * static_cast<double>(kRate) * static_cast<double>(g[i]);
  }
  SgdOfStep(w, g, kSize, factors, w_out.data());
  test.ExpectNear(w_out.data(), want_w, kSize, tolerance::kUpdate, "sgd");
}

void TestAdam(TestContext& test) {
  MakeInputs();
  static double want_v[kSize];
  static float v[kSize];
  const float factors[kStepFactors] = {kRate, 0.75f, 0.5f, 1.0f};
  const AdamParams params = {0.1f, 0.001f, 1e-7f};
  for (int i = 0; i < kSize; ++i) {
    v[i] = m[i] * m[i] + 0.01f;
    const double g_i = 0.5 * static_cast<double>(g[i]);
    const double m_i = static_cast<double>(m[i]);
    const double v_i = static_cast<double>(v[i]);
    want_m[i] = m_i + (g_i - m_i) * static_cast<double>(0.1f);
    want_v[i] = v_i + (g_i * g_i - v_i) * static_cast<double>(0.001f);
    want_w[i] = 0.75 * static_cast<double>(w[i]) -
                static_cast<double>(kRate) * want_m[i] /
                    (__builtin_sqrt(want_v[i]) + 1e-7);
  }
  GuardedArray<kSize> w_out(kSize), m_out(kSize), v_out(kSize);
  Adam(w, m, v, g, kSize, factors, params, w_out.data(), m_out.data(),
       v_out.data());
  test.ExpectNear(w_out.data(), want_w, kSize, tolerance::kUpdate, "w");
  test.ExpectNear(m_out.data(), want_m, kSize, tolerance::kUpdate, "m");
  test.ExpectNear(v_out.data(), want_v, kSize, tolerance::kUpdate, "v");
  w_out.ExpectIntact(test);
  m_out.ExpectIntact(test);
  v_out.ExpectIntact(test);
  Adam(w, m, v, g, kSize, factors, params, w, m, v);
  test.ExpectSameBits(w, w_out.data(), kSize, "w in place");
  test.ExpectSameBits(m, m_out.data(), kSize, "m in place");
  test.ExpectSameBits(v, v_out.data(), kSize, "v in place");
  const float idle[kStepFactors] = {kRate, 0.75f, 0.5f, 0.0f};
  Adam(w, m, v, g, kSize, idle, params, w_out.data(), m_out.data(),
       v_out.data());
  test.ExpectSameBits(w, w_out.data(), kSize, "w of an idle step");
  test.ExpectSameBits(v, v_out.data(), kSize, "v of an idle step");
}

// Of calls 0, 1, ...: against libm in double where the rate is a cosine.
void TestStepFactors(TestContext& test) {
  StepParams params = {0.1, 10, 0.9, 0.999, 0.5, 2.0, 2, 3, 1};
  const float square_norm = 100.0f;  // of sums: 5 of means
  for (int step = 0; step < 14; ++step) {
    float factors[kStepFactors], hold;
    StepFactors(params, step, &square_norm, factors, &hold);
    const double done = step < 10 ? step / 10.0 : 1.0;
    const double rate =
        0.05 * (1.0 + __builtin_cos(3.14159265358979323846 * done));
    const int t = step / 2 + 1;
    const double alpha = rate * __builtin_sqrt(1.0 - __builtin_pow(0.999, t)) /
                         (1.0 - __builtin_pow(0.9, t));
    const double want[] = {alpha, 1.0 - 0.5 * rate, 0.5 * 2.0 / 5.0,
                           step % 2 == 1 && (step / 2) % 3 == 1 ? 1.0 : 0.0};
    test.ExpectNear(factors, want, kStepFactors, tolerance::kStepFactors,
                    "factors");
    test.ExpectNear(static_cast<double>(hold), step % 2 == 1 ? 0.0 : 1.0, 0.0,
                    "hold");
  }
  float sum;
  MakeInputs();
  double want = 0.0;
  for (float x : w) want += static_cast<double>(x) * static_cast<double>(x);
  SquareSum(w, kSize, &sum);
  test.ExpectNear(&sum, &want, 1, tolerance::kSums, "square sum");
}

constexpr TestCase kTests[] = {
    {"sgd_momentum_of_step", TestSgdMomentumOfStep},
    {"adam", TestAdam},
    {"step_factors", TestStepFactors},
    {"sgd", TestSgd},
    {"sgd_momentum", TestSgdMomentum},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
