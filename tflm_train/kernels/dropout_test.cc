// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/dropout.h"

#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"

namespace biotrain {
namespace {

constexpr int kCapacity = 9000;
float ones[kCapacity];

void FillOnes() {
  for (float& value : ones) value = 1.0f;
}

// How many values are kept, and FNV-1a over the mask, one byte a value: both
// made by a separate program from the definition of the hash.
struct Golden {
  int batch, rows, channels, layer;
  int32_t seed, step;
  double rate;
  bool spatial;
  int kept;
  uint32_t hash;
};

constexpr Golden kGolden[] = {
    {2, 5, 11, 0, 0, 0, 0.25, false, 78, 0x228ba84fu},
    {3, 4, 9, 1, 1234567, 7654321, 0.5, false, 51, 0xc77ddd74u},
    {2, 6, 10, 3, 42, 17, 0.3, true, 96, 0x93ff82a5u},
    {1, 3000, 3, 2, 99, 100000, 0.1, false, 8082, 0xcb9bf8bdu},
    {1, 1, 3000, 2, 5, 6, 0.75, false, 753, 0x4c1bb9a8u},
};

void ExpectGolden(TestContext& test, const Golden& g, bool channels_last) {
  GuardedArray<kCapacity> y(g.batch * g.rows * g.channels);
  DropoutParams params = {g.rate, g.layer, g.spatial};
  params.channels_last = channels_last;
  const int lines = channels_last ? g.rows : g.channels;
  const int elements = channels_last ? g.channels : g.rows;
  Dropout(params, g.step, g.seed, ones, g.batch, lines, elements, y.data());
  const float scale = static_cast<float>(1.0 / (1.0 - g.rate));
  uint32_t hash = 2166136261u;
  int kept = 0;
  for (int i = 0; i < y.size(); ++i) {
    // The masks were written down with the channels last.
    const int sample = i / (g.rows * g.channels);
    const int row = i / g.channels % g.rows;
    const int channel = i % g.channels;
    const int first = (sample * g.channels + channel) * g.rows + row;
    const float value = y.data()[channels_last ? i : first];
    test.Expect(value == 0.0f || value == scale, "dropped or scaled");
    const uint32_t keep = value == 0.0f ? 0u : 1u;
    kept += static_cast<int>(keep);
    hash = (hash ^ keep) * 16777619u;
  }
  test.ExpectEqual(kept, g.kept, "kept");
  test.ExpectEqual(hash, g.hash, "mask");
  y.ExpectIntact(test);
}

void TestGoldenMasks(TestContext& test) {
  FillOnes();
  for (const Golden& g : kGolden) {
    ExpectGolden(test, g, /*channels_last=*/false);
    ExpectGolden(test, g, /*channels_last=*/true);
  }
}

int CountDifferences(const float* a, const float* b, int n) {
  int differences = 0;
  for (int i = 0; i < n; ++i) differences += a[i] != b[i];
  return differences;
}

void TestEveryArgumentMatters(TestContext& test) {
  constexpr int kSize = 2 * 20 * 12;
  FillOnes();
  float base[kSize], other[kSize];
  const auto run = [&](int layer, int32_t step, int32_t seed, float* y) {
    Dropout({0.5, layer, false}, step, seed, ones, 2, 12, 20, y);
  };
  run(1, 5, 9, base);
  run(1, 5, 9, other);
  test.ExpectEqual(CountDifferences(base, other, kSize), 0, "repeatable");
  run(2, 5, 9, other);
  test.Expect(CountDifferences(base, other, kSize) > 150, "layer");
  run(1, 6, 9, other);
  test.Expect(CountDifferences(base, other, kSize) > 150, "step");
  run(1, 5 + 2861, 9, other);
  test.Expect(CountDifferences(base, other, kSize) > 150, "step / P");
  run(1, 5, 10, other);
  test.Expect(CountDifferences(base, other, kSize) > 150, "seed");
  test.Expect(CountDifferences(base, base + kSize / 2, kSize / 2) > 75,
              "sample");
}

void TestRateSpatialAndInPlace(TestContext& test) {
  constexpr int kRows = 50, kChannels = 40;
  FillOnes();
  float values[kRows * kChannels];
  Dropout({0.0, 1, false}, 1, 2, ones, 1, kChannels, kRows, values);
  test.ExpectSameBits(values, ones, kRows * kChannels, "rate 0");
  Dropout({0.25, 1, true}, 1, 2, ones, 1, kChannels, kRows, values);
  for (int i = 0; i < kRows * kChannels; ++i) {
    test.Expect(values[i] == values[i / kRows * kRows],
                "a channel of a spatial mask");
  }
  float y[kRows * kChannels];
  Dropout({0.25, 1, false}, 1, 2, ones, 1, kChannels, kRows, y);
  for (float& value : values) value = 1.0f;
  Dropout({0.25, 1, false}, 1, 2, values, 1, kChannels, kRows, values);
  test.ExpectSameBits(values, y, kRows * kChannels, "in place");
}

constexpr TestCase kTests[] = {
    {"dropout_golden_masks", TestGoldenMasks},
    {"dropout_every_argument_matters", TestEveryArgumentMatters},
    {"dropout_rate_spatial_in_place", TestRateSpatialAndInPlace},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
