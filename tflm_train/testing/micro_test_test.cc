// SPDX-License-Identifier: Apache-2.0
// Plants one fault for every kind of check and expects it to be found.
#include "tflm_train/testing/micro_test.h"

#include <initializer_list>

#include "tflm_train/testing/test_data.h"

namespace biotrain {
namespace {

TestContext Quiet() {
  return TestContext("planted", TestContext::Verbosity::kQuiet);
}

void TestGoodValuesPass(TestContext& test) {
  const float values[] = {1.0f, 2.0f, -3.0f};
  TestContext inner = Quiet();
  inner.ExpectNear(values, values, 3, 0.0, "near");
  inner.ExpectSameBits(values, values, 3, "bits");
  inner.ExpectEqual(4, 4, "equal");
  inner.ExpectNear(1.0, 1.0 + 1e-9, 1e-8, "scalar");
  inner.Expect(true, "condition");
  test.Expect(inner.passed(), "good values pass");
  test.ExpectEqual(inner.compared(), 9, "comparisons are counted");
}

void TestNothingComparedFails(TestContext& test) {
  TestContext inner = Quiet();
  test.Expect(!inner.passed(), "a test without comparisons fails");
}

void TestEmptyFails(TestContext& test) {
  const float values[] = {1.0f};
  TestContext near = Quiet();
  near.ExpectEqual(1, 1, "something");
  near.ExpectNear(values, values, 0, 1.0, "near");
  test.Expect(!near.passed(), "empty near");
  TestContext bits = Quiet();
  bits.ExpectEqual(1, 1, "something");
  bits.ExpectSameBits(values, values, 0, "bits");
  test.Expect(!bits.passed(), "empty bits");
}

void TestWrongValueFails(TestContext& test) {
  const float got[] = {1.0f, 2.0f};
  const float want[] = {1.0f, 2.001f};
  TestContext near = Quiet();
  near.ExpectNear(got, want, 2, 1e-4, "near");
  test.Expect(!near.passed(), "wrong near");
  TestContext bits = Quiet();
  bits.ExpectSameBits(got, want, 2, "bits");
  test.Expect(!bits.passed(), "wrong bits");
  TestContext equal = Quiet();
  equal.ExpectEqual(1, 2, "equal");
  test.Expect(!equal.passed(), "wrong equal");
  TestContext condition = Quiet();
  condition.Expect(false, "condition");
  test.Expect(!condition.passed(), "wrong condition");
}

void TestSmallTensorIsComparedRelatively(TestContext& test) {
  const float got[] = {1e-6f, 2e-6f};
  const float want[] = {1e-6f, 3e-6f};
  TestContext inner = Quiet();
  inner.ExpectNear(got, want, 2, 1e-3, "near");
  test.Expect(!inner.passed(), "wrong small value");
}

void TestNanFails(TestContext& test) {
  const float nan[] = {__builtin_nanf("")};
  const float one[] = {1.0f};
  TestContext got = Quiet();
  got.ExpectNear(nan, one, 1, 1e9, "near");
  test.Expect(!got.passed(), "NaN where a number is wanted");
  TestContext want = Quiet();
  want.ExpectNear(one, nan, 1, 1e9, "near");
  test.Expect(!want.passed(), "a number where NaN is wanted");
  TestContext both = Quiet();
  both.ExpectNear(nan, nan, 1, 1e9, "near");
  test.Expect(!both.passed(), "NaN on both sides");
}

void TestOverrunFails(TestContext& test) {
  for (int offset : {-1, 4}) {
    GuardedArray<4> array(4);
    array.data()[offset] = 0.0f;
    TestContext inner = Quiet();
    array.ExpectIntact(inner);
    test.Expect(!inner.passed(), "overrun");
  }
  GuardedArray<4> array(4);
  array.ExpectIntact(test);
}

void TestUnwrittenOutputFails(TestContext& test) {
  const float want[] = {0.0f, 0.0f};
  GuardedArray<2> array(2);
  array.data()[0] = 0.0f;
  TestContext inner = Quiet();
  inner.ExpectNear(array.data(), want, 2, 1.0, "near");
  test.Expect(!inner.passed(), "unwritten output");
}

constexpr TestCase kTests[] = {
    {"good_values_pass", TestGoodValuesPass},
    {"nothing_compared_fails", TestNothingComparedFails},
    {"empty_fails", TestEmptyFails},
    {"wrong_value_fails", TestWrongValueFails},
    {"small_tensor_is_relative", TestSmallTensorIsComparedRelatively},
    {"nan_fails", TestNanFails},
    {"overrun_fails", TestOverrunFails},
    {"unwritten_output_fails", TestUnwrittenOutputFails},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
