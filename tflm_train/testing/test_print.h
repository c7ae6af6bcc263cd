// SPDX-License-Identifier: Apache-2.0
// Output of tests through one function that the port supplies.
#ifndef TFLM_TRAIN_TESTING_TEST_PRINT_H_
#define TFLM_TRAIN_TESTING_TEST_PRINT_H_

namespace biotrain {

// Supplied by the port; ports/test_print.cc prints through its console.
void TestPrint(const char* text);

// Integers below 10^9 in full, anything else as d.dddde+xx.
inline void PrintNumber(double value) {
  if (value != value) return TestPrint("nan");
  if (value < 0.0) {
    TestPrint("-");
    value = -value;
  }
  if (value > 1.7e308) return TestPrint("inf");
  const auto print_integer = [](long integer) {
    char digits[16];
    int at = sizeof digits - 1;
    digits[at] = '\0';
    do {
      digits[--at] = static_cast<char>('0' + integer % 10);
      integer /= 10;
    } while (integer != 0);
    TestPrint(digits + at);
  };
  if (value < 1e9 && value == static_cast<double>(static_cast<long>(value))) {
    return print_integer(static_cast<long>(value));
  }
  int exponent = 0;
  for (; value >= 10.0; ++exponent) value /= 10.0;
  for (; value < 1.0; --exponent) value *= 10.0;
  long scaled = static_cast<long>(value * 1e4 + 0.5);
  if (scaled >= 100000) {
    scaled /= 10;
    ++exponent;
  }
  print_integer(scaled / 10000);
  const char fraction[] = {'.',
                           static_cast<char>('0' + scaled / 1000 % 10),
                           static_cast<char>('0' + scaled / 100 % 10),
                           static_cast<char>('0' + scaled / 10 % 10),
                           static_cast<char>('0' + scaled % 10),
                           'e',
                           exponent < 0 ? '-' : '+',
                           '\0'};
  TestPrint(fraction);
  print_integer(exponent < 0 ? -exponent : exponent);
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_TESTING_TEST_PRINT_H_
