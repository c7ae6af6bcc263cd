// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/signal/chain.h"

#include "tflm_train/kernels/math.h"
#include "tflm_train/signal/recipe_test.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

constexpr int kTimes = 700;
constexpr int kChannels = kTestRecipe.channels;
float state[ChainStateFloats(kTestRecipe)];

// The hashes are those of tests/biotrain_tf/signal_twin.py: NumPy's bits.
uint32_t HashOfRun(const ChainSettings& settings, TestContext& test) {
  Chain chain;
  test.Expect(chain.Start(settings, state, ChainStateFloats(settings)),
              "starts");
  TestRandom random(7);
  uint32_t hash = 2166136261u;
  for (int t = 0; t < kTimes; ++t) {
    float x[kChannels];
    for (float& value : x) value = 10.0f * random.Uniform() + 100.0f;
    chain.Process(x);
    for (float value : x) {
      hash = (hash ^ static_cast<uint32_t>(BitsOf(value))) * 16777619u;
    }
  }
  return hash;
}

void TestBitsOfNumPy(TestContext& test) {
  ChainSettings settings = kTestRecipe;
  test.ExpectEqual(HashOfRun(settings, test), 0x82d829b5u, "everything");
  settings.running_scale = 0;
  test.ExpectEqual(HashOfRun(settings, test), 0x384dc6ffu, "no scale");
  settings.subtract_first = false;
  settings.moving_average = 0;
  test.ExpectEqual(HashOfRun(settings, test), 0x839c2926u, "sections only");
}

// A coefficient one bit off shows.
void TestHashSeesOneBit(TestContext& test) {
  SosSection sections[kTestRecipe.n_sections];
  for (int i = 0; i < kTestRecipe.n_sections; ++i) {
    sections[i] = kTestRecipe.sections[i];
  }
  sections[2].a1 = FloatOf(BitsOf(sections[2].a1) + 1);
  ChainSettings settings = kTestRecipe;
  settings.sections = sections;
  test.Expect(HashOfRun(settings, test) != 0x82d829b5u, "one bit");
}

void TestSectionsAgainstDouble(TestContext& test) {
  float sos[SosStateFloats(kTestRecipe.n_sections, 1)] = {};
  double s[kTestRecipe.n_sections][2] = {};
  TestRandom random(11);
  float got[kTimes];
  double want[kTimes];
  for (int t = 0; t < kTimes; ++t) {
    got[t] = random.Uniform();
    double x = static_cast<double>(got[t]);
    for (int i = 0; i < kTestRecipe.n_sections; ++i) {
      const SosSection& c = kTestRecipe.sections[i];
      const double y = static_cast<double>(c.b0) * x + s[i][0];
      s[i][0] = static_cast<double>(c.b1) * x - static_cast<double>(c.a1) * y +
                s[i][1];
      s[i][1] = static_cast<double>(c.b2) * x - static_cast<double>(c.a2) * y;
      x = y;
    }
    want[t] = x;
    SosFilter(kTestRecipe.sections, kTestRecipe.n_sections, 1, sos, got + t);
  }
  test.ExpectNear(got, want, kTimes, tolerance::kSections, "sections");
}

// 40000 samples with an offset: what rounding leaves in the sum does not grow.
void TestMovingAverageDoesNotDrift(TestContext& test) {
  constexpr int kLength = 25;
  float ring[MovingAverageStateFloats(kLength, 1)] = {};
  double newest[kLength] = {};
  MovingAveragePlace place;
  TestRandom random(12);
  for (int t = 0; t < 40000; ++t) {
    float x = 1000.0f + random.Uniform();
    newest[t % kLength] = static_cast<double>(x);
    const int count = t + 1 < kLength ? t + 1 : kLength;
    double mean = 0.0;
    for (int i = 0; i < count; ++i) mean += newest[i] / count;
    const double want = static_cast<double>(x) - mean;
    SubtractMovingAverage(kLength, 1, &place, ring, &x);
    if (t < 40 || t >= 39900) {
      test.ExpectNear(static_cast<double>(x), want, tolerance::kMovingAverage,
                      "minus the mean");
    }
  }
}

void TestRunningScale(TestContext& test) {
  float statistics[RunningScaleStateFloats(1)] = {};
  int seen = 0;
  TestRandom random(13);
  double sum = 0.0, squares = 0.0;
  for (int t = 0; t < 50; ++t) {
    float x = 5.0f + random.Uniform();
    const double in = static_cast<double>(x);
    sum += in;
    squares += in * in;
    RunningScale(100, 1e-6f, 1, &seen, statistics, &x);
    // Of all samples so far.
    const double mean = sum / (t + 1),
                 variance = squares / (t + 1) - mean * mean;
    test.ExpectNear(static_cast<double>(statistics[0]), mean,
                    tolerance::kRunningScale, "mean");
    test.ExpectNear(static_cast<double>(statistics[1]), variance,
                    tolerance::kRunningScale, "variance");
  }
  float constant = 3.0f;
  float still[RunningScaleStateFloats(1)] = {};
  seen = 0;
  RunningScale(100, 1e-6f, 1, &seen, still, &constant);
  test.ExpectNear(static_cast<double>(constant), 0.0, 0.0, "a first sample");
}

void TestRefuses(TestContext& test) {
  Chain chain;
  const int wanted = ChainStateFloats(kTestRecipe);
  test.Expect(!chain.Start(kTestRecipe, state, wanted - 1), "too little state");
  float x[kChannels] = {1.0f, 2.0f, 3.0f};
  chain.Process(x);
  test.ExpectNear(static_cast<double>(x[1]), 2.0, 0.0, "does nothing");
  ChainSettings settings = kTestRecipe;
  settings.channels = 0;
  test.Expect(!chain.Start(settings, state, wanted), "no channels");
}

constexpr TestCase kTests[] = {
    {"bits_of_numpy", TestBitsOfNumPy},
    {"hash_sees_one_bit", TestHashSeesOneBit},
    {"sections_against_double", TestSectionsAgainstDouble},
    {"moving_average_does_not_drift", TestMovingAverageDoesNotDrift},
    {"running_scale", TestRunningScale},
    {"refuses", TestRefuses},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
