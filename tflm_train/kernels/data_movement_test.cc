// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/data_movement.h"

#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"

namespace biotrain {
namespace {

constexpr int kElements = 24;

StridedLoop Loop(int d0, int d1, int d2, int y0, int y1, int y2, int x0, int x1,
                 int x2) {
  StridedLoop loop;
  loop.rank = 3;
  const int dims[] = {d0, d1, d2};
  const int strides[2][3] = {{y0, y1, y2}, {x0, x1, x2}};
  for (int d = 0; d < 3; ++d) {
    loop.dims[d] = dims[d];
    loop.strides[0][d] = strides[0][d];
    loop.strides[1][d] = strides[1][d];
  }
  return loop;
}

void CountUp(float* x) {
  for (int i = 0; i < kElements; ++i) x[i] = static_cast<float>(i);
}

void TestCollapse(TestContext& test) {
  StridedLoop contiguous = Loop(2, 3, 4, 12, 4, 1, 12, 4, 1);
  contiguous.Collapse();
  test.ExpectEqual(contiguous.rank, 1, "contiguous rank");
  test.ExpectEqual(contiguous.dims[0], kElements, "contiguous elements");
  StridedLoop bias = Loop(2, 3, 4, 12, 4, 1, 0, 0, 1);
  bias.Collapse();
  test.ExpectEqual(bias.rank, 2, "repeated rank");
  test.ExpectEqual(bias.dims[0], 6, "repeated rows");
  StridedLoop ones = Loop(1, 1, 1, 1, 1, 1, 7, 7, 7);
  ones.Collapse();
  test.ExpectEqual(ones.rank * 100 + ones.dims[0], 101, "one element");
  StridedLoop order = Loop(2, 3, 4, 12, 4, 1, 1, 2, 6);
  order.Collapse();
  test.ExpectEqual(order.rank, 3, "transpose rank");
}

// [2,3,4] -> [4,3,2] and back gives what one began with.
void TestTransposeThereAndBack(TestContext& test) {
  float x[kElements];
  CountUp(x);
  GuardedArray<kElements> turned(kElements), back(kElements);
  CopyStrided(Loop(4, 3, 2, 6, 2, 1, 1, 4, 12), 4, x, turned.data());
  test.ExpectNear(turned.data()[1 * 6 + 2 * 2 + 1], 12 + 8 + 1, 0.0, "turned");
  CopyStrided(Loop(2, 3, 4, 12, 4, 1, 1, 2, 6), 4, turned.data(), back.data());
  test.ExpectSameBits(back.data(), x, kElements, "back");
  turned.ExpectIntact(test);
  back.ExpectIntact(test);
}

// Of every length, from and to every alignment, and nothing beyond.
void TestCopyBytes(TestContext& test) {
  constexpr int kBytes = 83, kRoom = kBytes + 8;
  alignas(4) char x[kRoom];
  alignas(4) char y[kRoom];
  for (int i = 0; i < kRoom; ++i) x[i] = static_cast<char>(i * 37 + 1);
  int compared = 0;
  for (int bytes = 0; bytes <= kBytes; ++bytes) {
    for (int skew = 0; skew < 16; ++skew, ++compared) {
      const int from = skew % 4, to = skew / 4;
      for (char& c : y) c = 0;
      CopyBytes(x + from, bytes, y + to);
      bool same = true;
      for (int i = 0; i < kRoom; ++i) {
        const bool inside = i >= to && i < to + bytes;
        same &= y[i] == (inside ? x[i - to + from] : 0);
      }
      test.Expect(same, "bytes");
    }
  }
  test.ExpectEqual(compared, 84 * 16, "compared");
}

void TestBackwards(TestContext& test) {
  float x[kElements];
  CountUp(x);
  float y[4];
  CopyStrided(Loop(1, 1, 4, 4, 4, 1, 0, 0, -3), 4, x + 9, y);
  const float want[] = {9.0f, 6.0f, 3.0f, 0.0f};
  test.ExpectSameBits(y, want, 4, "stride -3");
}

void TestBytes(TestContext& test) {
  const uint8_t x[] = {1, 2, 3, 4, 5, 6};
  uint8_t y[7] = {0, 0, 0, 0, 0, 0, 99};
  CopyStrided(Loop(1, 3, 2, 6, 2, 1, 0, 1, 3), 1, x, y);
  constexpr uint8_t kWant[] = {1, 4, 2, 5, 3, 6, 99};
  for (int i = 0; i < 7; ++i) test.ExpectEqual(y[i], kWant[i], "byte");
}

void TestFill(TestContext& test) {
  GuardedArray<8> y(5);
  const float value = 2.5f;
  Fill(4, &value, 5, y.data());
  const float want[] = {2.5f, 2.5f, 2.5f, 2.5f, 2.5f};
  test.ExpectSameBits(y.data(), want, 5, "words");
  y.ExpectIntact(test);
}

void TestGather(TestContext& test) {
  float x[kElements];
  CountUp(x);
  const int32_t indices[] = {2, 0};
  GuardedArray<kElements> y(16);
  Gather(x, indices, /*outer=*/2, /*axis=*/3, /*count=*/2, /*inner=*/4, 4,
         y.data());
  float want[16];
  for (int i = 0; i < 16; ++i) {
    want[i] = static_cast<float>(i / 8 * 12 + indices[i / 4 % 2] * 4 + i % 4);
  }
  test.ExpectSameBits(y.data(), want, 16, "rows");
  y.ExpectIntact(test);
}

constexpr TestCase kTests[] = {
    {"collapse", TestCollapse},
    {"transpose_there_and_back", TestTransposeThereAndBack},
    {"backwards", TestBackwards},
    {"bytes", TestBytes},
    {"fill", TestFill},
    {"gather", TestGather},
    {"copy_bytes", TestCopyBytes},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
