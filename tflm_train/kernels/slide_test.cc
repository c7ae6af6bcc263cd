// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/slide.h"

#include <initializer_list>

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/testing/tolerances.h"

namespace biotrain {
namespace {

constexpr int kMostWidth = 64;
constexpr int kCapacity = kMostWidth + kSlideTaps;

double Want(const float* x, int width, int pad, const float* w, int step,
            int item) {
  double sum = 0.0;
  for (int tap = 0; tap < kSlideTaps; ++tap) {
    const int position = item + tap - pad;
    if (position < 0 || position >= width) continue;
    sum +=
        static_cast<double>(x[position]) * static_cast<double>(w[tap * step]);
  }
  return sum;
}

// Every padding, and lines of a few values to several turns. Inputs end where
// their array does, so that a sanitizer sees what is read beyond.
void TestAllLines(TestContext& test) {
  TestRandom random(3);
  float x[kMostWidth];
  float w[2 * kSlideTaps];
  random.Fill(w, 2 * kSlideTaps);
  for (int width : {1, 7, 14, 15, 16, 29, 30, 31, 45, 47, 64}) {
    random.Fill(x, kMostWidth);
    const float* const from = x + kMostWidth - width;
    for (int pad = 0; pad < kSlideTaps; ++pad) {
      for (int items : {width + pad, width, width + pad - 15}) {
        if (items <= 0 || items > width + pad) continue;
        for (int step : {1, 2, -1}) {
          const float* const taps = step < 0 ? w + kSlideTaps - 1 : w;
          GuardedArray<kCapacity> y(items);
          Slide({from, width, pad, y.data(), items}, taps, step);
          double want[kCapacity];
          for (int i = 0; i < items; ++i) {
            want[i] = Want(from, width, pad, taps, step, i);
          }
          test.ExpectNear(y.data(), want, items, tolerance::kDepthwise, "y");
          y.ExpectIntact(test);
        }
      }
    }
  }
}

// The order of the sums is that of the taps: as they are in a plain loop.
void TestOrder(TestContext& test) {
  constexpr int kItems = 40;
  TestRandom random(4);
  float x[kItems + kSlideTaps - 1];
  float w[kSlideTaps];
  float y[kItems];
  random.Fill(x, kItems + kSlideTaps - 1);
  random.Fill(w, kSlideTaps);
  Slide({x, kItems + kSlideTaps - 1, 0, y, kItems}, w, 1);
  for (int i = 0; i < kItems; ++i) {
    float sum = x[i] * w[0];
    for (int tap = 1; tap < kSlideTaps; ++tap) {
      sum = Fma(x[i + tap], w[tap], sum);
    }
    test.ExpectEqual(BitsOf(y[i]), BitsOf(sum), "bits");
  }
}

constexpr TestCase kTests[] = {
    {"slide_all_lines", TestAllLines},
    {"slide_order", TestOrder},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
