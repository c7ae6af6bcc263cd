// SPDX-License-Identifier: Apache-2.0
// A test framework that needs neither heap, iostream nor static registration,
// so that the same test runs on the host and on bare metal.
//
//   void TestSomething(TestContext& test) { test.ExpectNear(...); }
//   constexpr TestCase kTests[] = {{"something", TestSomething}};
//   int main() { return RunTests(kTests); }
//
// A test that compares nothing fails, a NaN equals nothing.
#ifndef TFLM_TRAIN_TESTING_MICRO_TEST_H_
#define TFLM_TRAIN_TESTING_MICRO_TEST_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tflm_train/testing/test_print.h"

namespace biotrain {

class TestContext {
 public:
  enum class Verbosity { kLoud, kQuiet };

  explicit TestContext(const char* name, Verbosity verbosity = Verbosity::kLoud)
      : name_(name), verbosity_(verbosity) {}

  // Any condition; counts as one comparison.
  void Expect(bool condition, const char* what) {
    ++compared_;
    if (!condition) Fail(what, 0, 0.0, 0.0);
  }

  void ExpectEqual(int64_t got, int64_t want, const char* what) {
    ++compared_;
    if (got != want) {
      Fail(what, 0, static_cast<double>(got), static_cast<double>(want));
    }
  }

  // |got - want| <= tolerance.
  void ExpectNear(double got, double want, double tolerance, const char* what) {
    CompareOne(got, want, tolerance, what, 0);
  }

  // |got[i] - want[i]| <= tolerance * largest |want|: relative to the tensor,
  // as rounding errors of sums are. Absolute where all of want is zero.
  template <typename Want>
  void ExpectNear(const float* got, const Want* want, int n, double tolerance,
                  const char* what) {
    if (n <= 0) return Fail(what, 0, n, 1.0);
    double largest = 0.0;
    for (int i = 0; i < n; ++i) {
      const double magnitude = Magnitude(static_cast<double>(want[i]));
      if (magnitude > largest) largest = magnitude;
    }
    if (!(largest > 0.0)) largest = 1.0;
    for (int i = 0; i < n; ++i) {
      CompareOne(static_cast<double>(got[i]) / largest,
                 static_cast<double>(want[i]) / largest, tolerance, what, i);
    }
  }

  // The same bits.
  void ExpectSameBits(const float* got, const float* want, int n,
                      const char* what) {
    if (n <= 0) return Fail(what, 0, n, 1.0);
    for (int i = 0; i < n; ++i) {
      ++compared_;
      if (std::memcmp(got + i, want + i, sizeof(float)) != 0) {
        Fail(what, i, static_cast<double>(got[i]),
             static_cast<double>(want[i]));
      }
    }
  }

  bool passed() const { return failures_ == 0 && compared_ > 0; }
  long compared() const { return compared_; }
  double max_difference() const { return max_difference_; }

  void Report() const {
    if (compared_ == 0) TestPrint("compared nothing: ");
    TestPrint("name=");
    TestPrint(name_);
    TestPrint(" compared=");
    PrintNumber(static_cast<double>(compared_));
    TestPrint(" max_diff=");
    PrintNumber(max_difference_);
    TestPrint(passed() ? " result=ok\n" : " result=FAILED\n");
  }

 private:
  static double Magnitude(double value) { return value < 0.0 ? -value : value; }

  void CompareOne(double got, double want, double tolerance, const char* what,
                  int index) {
    ++compared_;
    const double difference = Magnitude(got - want);
    if (difference > max_difference_) max_difference_ = difference;
    // Written so that a NaN fails. Equal infinities pass.
    if (!(difference <= tolerance) && got != want) {
      Fail(what, index, got, want);
    }
  }

  void Fail(const char* what, int index, double got, double want) {
    constexpr int kShown = 5;
    ++failures_;
    if (verbosity_ == Verbosity::kQuiet || failures_ > kShown) return;
    TestPrint("failed name=");
    TestPrint(name_);
    TestPrint(" check=");
    TestPrint(what);
    TestPrint(" index=");
    PrintNumber(index);
    TestPrint(" got=");
    PrintNumber(got);
    TestPrint(" want=");
    PrintNumber(want);
    TestPrint("\n");
  }

  const char* name_;
  Verbosity verbosity_;
  long compared_ = 0;
  long failures_ = 0;
  double max_difference_ = 0.0;
};

struct TestCase {
  const char* name;
  void (*run)(TestContext&);
};

// Prints one line a test, then PASS or FAIL; returns the exit code of main.
template <size_t kCount>
int RunTests(const TestCase (&tests)[kCount]) {
  bool passed = true;
  for (const TestCase& test : tests) {
    TestContext context(test.name);
    test.run(context);
    context.Report();
    passed = passed && context.passed();
  }
  TestPrint(passed ? "PASS\n" : "FAIL\n");
  return passed ? 0 : 1;
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_TESTING_MICRO_TEST_H_
