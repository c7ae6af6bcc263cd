// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/attention.h"

#include <cmath>
#include <initializer_list>

#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

constexpr AttentionShape kShapes[] = {
    // batch, heads, queries, keys, depth, value_depth, scale, causal
    {1, 1, 1, 1, 1, 1, 1.0f, false},   {2, 2, 5, 5, 3, 3, 0.6f, false},
    {1, 3, 9, 17, 4, 2, 0.5f, false},  {2, 1, 20, 33, 8, 5, 0.35f, false},
    {1, 2, 18, 18, 8, 8, 0.35f, true}, {2, 2, 7, 3, 2, 6, 2.0f, true},
};

constexpr int kCapacity = 2048;
float q[kCapacity], k[kCapacity], v[kCapacity], dy[kCapacity];
float y[kCapacity], p[kCapacity];
double want[kCapacity], weights[64];

int Queries(const AttentionShape& s) { return s.batch * s.queries * s.heads; }
int Keys(const AttentionShape& s) { return s.batch * s.keys * s.heads; }
int Pairs(const AttentionShape& s) { return Queries(s) * s.keys; }

double At(const float* x, int tokens, int heads, int depth, int b, int t, int h,
          int d) {
  return static_cast<double>(x[((b * tokens + t) * heads + h) * depth + d]);
}

// The weights of one query, into weights[keys].
void WeightsOf(const AttentionShape& s, int b, int h, int i) {
  double sum = 0.0;
  for (int j = 0; j < s.keys; ++j) {
    double product = 0.0;
    for (int d = 0; d < s.depth; ++d) {
      product += At(q, s.queries, s.heads, s.depth, b, i, h, d) *
                 At(k, s.keys, s.heads, s.depth, b, j, h, d);
    }
    const bool seen = !s.causal || j <= i;
    weights[j] = seen ? std::exp(static_cast<double>(s.scale) * product) : 0.0;
    sum += weights[j];
  }
  for (int j = 0; j < s.keys; ++j) weights[j] /= sum;
}

// Calls visit(place in y, value) for every output.
template <typename Visit>
void ForEachOutput(const AttentionShape& s, Visit visit) {
  for (int b = 0; b < s.batch; ++b) {
    for (int h = 0; h < s.heads; ++h) {
      for (int i = 0; i < s.queries; ++i) {
        WeightsOf(s, b, h, i);
        for (int d = 0; d < s.value_depth; ++d) {
          double sum = 0.0;
          for (int j = 0; j < s.keys; ++j) {
            sum +=
                weights[j] * At(v, s.keys, s.heads, s.value_depth, b, j, h, d);
          }
          visit(((b * s.queries + i) * s.heads + h) * s.value_depth + d, sum);
        }
      }
    }
  }
}

// dy y, in double.
double Loss(const AttentionShape& s) {
  double loss = 0.0;
  ForEachOutput(s, [&](int at, double value) {
    loss += static_cast<double>(dy[at]) * value;
  });
  return loss;
}

void MakeInputs() {
  TestRandom random(12);
  for (float* values : {q, k, v, dy}) random.Fill(values, kCapacity);
  for (int i = 0; i < kCapacity; ++i) q[i] *= 3.0f;
}

void TestForward(TestContext& test) {
  MakeInputs();
  for (const AttentionShape& s : kShapes) {
    const int outputs = Queries(s) * s.value_depth;
    test.Expect(Pairs(s) <= kCapacity && outputs <= kCapacity, "fits");
    GuardedArray<kCapacity> out(outputs), probabilities(Pairs(s));
    Attention(s, q, k, v, out.data(), probabilities.data());
    ForEachOutput(s, [](int at, double value) { want[at] = value; });
    test.ExpectNear(out.data(), want, outputs, tolerance::kAttention, "y");
    for (int b = 0; b < s.batch; ++b) {
      for (int h = 0; h < s.heads; ++h) {
        for (int i = 0; i < s.queries; ++i) {
          WeightsOf(s, b, h, i);
          test.ExpectNear(probabilities.data() +
                              ((b * s.heads + h) * s.queries + i) * s.keys,
                          weights, s.keys, tolerance::kAttention, "p");
        }
      }
    }
    out.ExpectIntact(test);
    probabilities.ExpectIntact(test);
  }
}

// Of some elements of x, against what the loss does when they are moved.
void ExpectSlopes(TestContext& test, const AttentionShape& s, float* x, int n,
                  const float* dx, const char* what) {
  constexpr int kPicked = 16;
  constexpr float kStep = 1.0f / 2048;
  float got[kPicked];
  const int picked = n < kPicked ? n : kPicked;
  for (int i = 0; i < picked; ++i) {
    float& moved = x[i * n / picked];
    const float kept = moved;
    moved = kept + kStep;
    const double above = static_cast<double>(moved);
    const double rise = Loss(s);
    moved = kept - kStep;
    const double run = above - static_cast<double>(moved);
    want[i] = (rise - Loss(s)) / run;
    moved = kept;
    got[i] = dx[i * n / picked];
  }
  test.ExpectNear(got, want, picked, tolerance::kFiniteDifference, what);
}

void TestGradByFiniteDifferences(TestContext& test) {
  MakeInputs();
  for (const AttentionShape& s : kShapes) {
    const int queries = Queries(s) * s.depth, keys = Keys(s) * s.depth;
    const int values = Keys(s) * s.value_depth;
    GuardedArray<kCapacity> dp(Pairs(s)), dq(queries), dk(keys), dv(values);
    Attention(s, q, k, v, y, p);
    AttentionGrad(s, q, k, v, y, dy, p, dp.data(), dq.data(), dk.data(),
                  dv.data());
    ExpectSlopes(test, s, q, queries, dq.data(), "dq");
    ExpectSlopes(test, s, k, keys, dk.data(), "dk");
    ExpectSlopes(test, s, v, values, dv.data(), "dv");
    for (auto* array : {&dp, &dq, &dk, &dv}) array->ExpectIntact(test);

    GuardedArray<kCapacity> again(queries);
    AttentionGrad(s, q, k, v, y, dy, p, p, again.data(), dk.data(), dv.data());
    test.ExpectSameBits(again.data(), dq.data(), queries, "dp in place of p");
  }
}

constexpr TestCase kTests[] = {
    {"attention_forward", TestForward},
    {"attention_grad_by_finite_differences", TestGradByFiniteDifferences},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
