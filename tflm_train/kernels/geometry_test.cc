// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/geometry.h"

#include <initializer_list>

#include "tflm_train/testing/micro_test.h"

namespace biotrain {
namespace {

void TestStepsInsideAgainstCounting(TestContext& test) {
  for (int stride = 1; stride <= 4; ++stride) {
    for (int start = -9; start <= 9; ++start) {
      for (int limit = 0; limit <= 7; ++limit) {
        for (int count = 0; count <= 6; ++count) {
          const Range range = StepsInside(start, stride, limit, count);
          for (int j = 0; j < count; ++j) {
            const int at = start + j * stride;
            const bool inside = at >= 0 && at < limit;
            const bool in_range = j >= range.begin && j < range.end;
            test.Expect(inside == in_range, "membership");
          }
          test.Expect(range.begin >= 0 && range.begin <= range.end, "order");
          test.Expect(range.end <= count, "bound");
        }
      }
    }
  }
}

// Figures of TensorFlow.
void TestSizesAndPadding(TestContext& test) {
  struct Case {
    int in, filter, stride, dilation;
    Padding padding;
    int out, before;
  };
  constexpr Case kCases[] = {
      {625, 64, 1, 1, Padding::kSame, 625, 31},
      {625, 64, 1, 1, Padding::kValid, 562, 0},
      {7, 3, 2, 1, Padding::kSame, 4, 1},
      {8, 3, 2, 1, Padding::kSame, 4, 0},
      {8, 2, 4, 1, Padding::kSame, 2, 0},
      {20, 4, 1, 4, Padding::kSame, 20, 6},
      {9, 3, 1, 3, Padding::kValid, 3, 0},
      {3, 5, 1, 1, Padding::kValid, 0, 0},
  };
  for (const Case& c : kCases) {
    test.ExpectEqual(
        OutputSize(c.in, c.filter, c.stride, c.dilation, c.padding), c.out,
        "out");
    test.ExpectEqual(PadBefore(c.in, c.filter, c.stride, c.dilation, c.padding),
                     c.before, "before");
  }
}

constexpr TestCase kTests[] = {
    {"steps_inside", TestStepsInsideAgainstCounting},
    {"sizes_and_padding", TestSizesAndPadding},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
