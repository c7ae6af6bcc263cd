// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/fma.h"

#include <initializer_list>

#include "tflm_train/kernels/math.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"

namespace biotrain {
namespace {

// Where a second rounding, or none of the product, would show.
void TestKnownValues(TestContext& test) {
  struct Case {
    float a, b, c, want;
  };
  constexpr Case kCases[] = {
      {2.0f, 3.0f, 4.0f, 10.0f},
      {0x1.000002p+0f, 0x1.000002p+0f, -0x1.000004p+0f, 0x1p-46f},
      {0x1.fffffep+0f, 0x1.fffffep+0f, -0x1.fffffcp+1f, 0x1p-46f},
      // 1 + half an ulp, plus or minus something far below.
      {0x1p-12f, 0x1p-12f, 1.0f, 1.0f},
      {0x1.000002p-12f, 0x1p-12f, 1.0f, 0x1.000002p+0f},
      {0x1p-60f, 0x1p-60f, 0x1.000002p+0f, 0x1.000002p+0f},
      // A tie in float that the last bits of the product break.
      {0x1.000002p+0f, 0x1.000002p-24f, 1.0f, 0x1.000002p+0f},
      {-0x1.fffffep-1f, 0x1p-24f, 0x1.000002p+0f, 0x1.000002p+0f},
      // Subnormal results and overflow.
      {0x1p-75f, 0x1p-75f, 0x1p-149f, 0x1p-148f},
      {0x1.8p-75f, 0x1p-75f, 0x1p-149f, 0x1p-148f},
      {0x1p+100f, 0x1p+100f, -0x1p+127f, __builtin_inff()},
      {0x1p+64f, 0x1p+64f, -0x1.fffffep+127f, 0x1p+104f},
      {-1.0f, 1.0f, 1.0f, 0.0f},
  };
  for (const Case& c : kCases) {
    const float hardware = Fma(c.a, c.b, c.c);
    const float software = SoftwareFma(c.a, c.b, c.c);
    test.ExpectSameBits(&hardware, &c.want, 1, "Fma");
    test.ExpectSameBits(&software, &c.want, 1, "SoftwareFma");
  }
}

void TestSoftwareEqualsHardware(TestContext& test) {
  if (BIOTRAIN_HARDWARE_FMA == 0) {
    test.Expect(true, "no hardware to compare with");
    return;
  }
  TestRandom random(3);
  const auto any_float = [&random](int exponents) {
    const float mantissa = random.Uniform() + 0.0f;
    const int exponent =
        static_cast<int>(random.Uniform() * static_cast<float>(exponents));
    return mantissa * PowerOfTwo(exponent / 2) *
           PowerOfTwo(exponent - exponent / 2);
  };
  for (int exponents : {1, 12, 30, 60, 140}) {
    for (int i = 0; i < 20000; ++i) {
      const float a = any_float(exponents);
      const float b = any_float(exponents);
      // Often near -a * b, where cancellation shows every bit.
      const float c = i % 2 == 0 ? any_float(exponents)
                                 : -(a * b) * (1.0f + random.Uniform() * 1e-6f);
      const float hardware = Fma(a, b, c);
      const float software = SoftwareFma(a, b, c);
      if (hardware != hardware && software != software) continue;
      test.ExpectSameBits(&software, &hardware, 1, "random");
    }
  }
}

constexpr TestCase kTests[] = {
    {"fma_known_values", TestKnownValues},
    {"fma_software_equals_hardware", TestSoftwareEqualsHardware},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
