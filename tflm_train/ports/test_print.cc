// SPDX-License-Identifier: Apache-2.0
// Tests print through the port, on every target.
#include <string.h>

#include "tflm_train/ports/port.h"

namespace biotrain {

void TestPrint(const char* text) { port::Write(text, strlen(text)); }

}  // namespace biotrain
