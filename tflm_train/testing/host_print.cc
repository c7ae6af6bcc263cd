// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "tflm_train/testing/test_print.h"

namespace biotrain {

void TestPrint(const char* text) { std::fputs(text, stdout); }

}  // namespace biotrain
