// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/update.h"

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

constexpr TestCase kTests[] = {
    {"sgd", TestSgd},
    {"sgd_momentum", TestSgdMomentum},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
