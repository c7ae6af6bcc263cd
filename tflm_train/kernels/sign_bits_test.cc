// SPDX-License-Identifier: Apache-2.0
// Gradients from bits are those from floats, bit for bit.
#include "tflm_train/kernels/sign_bits.h"

#include <limits>

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"

namespace biotrain {
namespace {

constexpr int kCapacity = 512;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kLeast = std::numeric_limits<float>::denorm_min();
constexpr float kSpecial[] = {0.0f, -0.0f, kInfinity,  -kInfinity, kNan, kLeast,
                              6.0f, -6.0f, 5.9999995f, 6.0000005f, -kNan};

float y[kCapacity], dy[kCapacity], want[kCapacity];

void MakeInputs(int n) {
  TestRandom random(31);
  random.Fill(y, n);
  random.Fill(dy, n);
  for (int i = 0; i < n; ++i) y[i] *= 9.0f;
  int at = 0;
  for (const float value : kSpecial) y[(7 * at++) % n] = value;
  dy[0] = -0.0f;
}

struct Size {
  int rows, columns;
};
constexpr Size kSizes[] = {{1, 1},  {3, 7},  {3, 8},  {2, 9},
                           {5, 33}, {1, 64}, {11, 3}, {2, 251}};

void ExpectSameBits(TestContext& test, const float* found, int n,
                    const char* what) {
  for (int i = 0; i < n; ++i) {
    test.ExpectEqual(BitsOf(found[i]), BitsOf(want[i]), what);
  }
}

void TestSameAsOfFloats(TestContext& test) {
  for (const auto [rows, columns] : kSizes) {
    const int n = rows * columns;
    MakeInputs(n);
    GuardedArray<kCapacity> dx(n);
    uint8_t bits[kCapacity] = {};
    const int bytes = rows * BitsInRow(columns);
    bits[bytes] = 0xa5;

    ReluBits(y, rows, columns, bits);
    test.ExpectEqual(static_cast<int>(bits[bytes]), 0xa5, "behind the bits");
    ReluGrad(y, dy, n, want);
    ReluGradOfBits(bits, dy, rows, columns, dx.data());
    ExpectSameBits(test, dx.data(), n, "relu");
    dx.ExpectIntact(test);

    for (int i = 0; i < n; ++i) dx.data()[i] = dy[i];
    ReluGradOfBits(bits, dx.data(), rows, columns, dx.data());
    ExpectSameBits(test, dx.data(), n, "in place");

    LeakyReluGrad(y, dy, n, 0.25f, want);
    LeakyReluGradOfBits(bits, dy, rows, columns, 0.25f, dx.data());
    ExpectSameBits(test, dx.data(), n, "leaky relu");

    Relu6Bits(y, rows, columns, bits);
    test.ExpectEqual(static_cast<int>(bits[bytes]), 0xa5, "behind the bits");
    Relu6Grad(y, dy, n, want);
    ReluGradOfBits(bits, dy, rows, columns, dx.data());
    ExpectSameBits(test, dx.data(), n, "relu6");
  }
}

void TestBitsBehindARowAreZero(TestContext& test) {
  for (float& value : y) value = 1.0f;
  uint8_t bits[4] = {0xff, 0xff, 0xff, 0xff};
  ReluBits(y, 2, 11, bits);
  constexpr int kWant[] = {0xff, 0x07, 0xff, 0x07};
  for (int i = 0; i < 4; ++i) {
    test.ExpectEqual(static_cast<int>(bits[i]), kWant[i], "byte");
  }
}

constexpr TestCase kTests[] = {
    {"sign_bits_same_as_of_floats", TestSameAsOfFloats},
    {"sign_bits_behind_a_row_are_zero", TestBitsBehindARowAreZero},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
