// SPDX-License-Identifier: Apache-2.0
// The model under test, which the build names, and what bare metal lacks.
#ifndef TFLM_TRAIN_TFLM_MODEL_TEST_H_
#define TFLM_TRAIN_TFLM_MODEL_TEST_H_

#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "tflm_train/micro/span.h"
#include "tflm_train/ports/port.h"
#include "tflm_train/testing/test_print.h"
// What `biotrain convert` wrote.
#include BIOTRAIN_MODEL_HEADER
#include BIOTRAIN_OPS_HEADER
#define JOIN(a, b) a##b
#define NAME(base, suffix) JOIN(base, suffix)

#ifdef BIOTRAIN_BARE_METAL
// What TFLM calls of a libc that has files; on a board it is yours.
extern "C" {
void DebugLog(const char* format, va_list) { biotrain::TestPrint(format); }
int DebugVsnprintf(char*, size_t, const char*, va_list) { return 0; }
void abort() { biotrain::port::Exit(false); }
void __assert_func(const char*, int, const char*, const char* failed) {
  biotrain::TestPrint(failed);
  abort();
}
}
#endif

namespace biotrain {

constexpr size_t kPlanBytes = NAME(BIOTRAIN_MODEL_DATA, _arena_bytes);

inline Span<const uint8_t> File() {
  return {BIOTRAIN_MODEL_DATA, NAME(BIOTRAIN_MODEL_DATA, _size)};
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_TFLM_MODEL_TEST_H_
