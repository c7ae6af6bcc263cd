// SPDX-License-Identifier: Apache-2.0
// An ordinary program: stdin, stdout, and a piece of its stack painted.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tflm_train/ports/port.h"

namespace {

constexpr size_t kPaintedBytes = 256 * 1024;
constexpr uint8_t kPaint = 0xA5;

// The lowest painted byte; everything main calls has its frame above it.
volatile uint8_t* painted;

__attribute__((noinline, no_sanitize("address"))) void Fill() {
  uint8_t area[kPaintedBytes];
  memset(area, kPaint, sizeof(area));
  // Somebody might read it, for all the compiler knows.
  asm volatile("" : : "r"(area) : "memory");
}

// Before main. The array is gone when Fill returns; its bytes stay until the
// stack grows over them.
__attribute__((constructor, noinline)) void PaintStack() {
  Fill();
  painted = static_cast<uint8_t*>(__builtin_frame_address(0)) - kPaintedBytes;
}

}  // namespace

namespace biotrain {
namespace port {

bool Read(void* data, size_t size) {
  uint8_t* bytes = static_cast<uint8_t*>(data);
  while (size > 0) {
    const ssize_t count = read(STDIN_FILENO, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

void Write(const void* data, size_t size) {
  const uint8_t* bytes = static_cast<const uint8_t*>(data);
  while (size > 0) {
    const ssize_t count = write(STDOUT_FILENO, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    // Nobody listens any more.
    if (count <= 0) _exit(1);
    bytes += count;
    size -= static_cast<size_t>(count);
  }
}

__attribute__((no_sanitize("address"))) size_t StackBytes() {
  size_t unused = 0;
  while (unused < kPaintedBytes && painted[unused] == kPaint) ++unused;
  return kPaintedBytes - unused;
}

// The operating system ends a program whose stack runs over.
bool StackExhausted() { return false; }

size_t BeyondBytes() { return 0; }

bool BeyondIntact() { return true; }

void Exit(bool passed) { exit(passed ? EXIT_SUCCESS : EXIT_FAILURE); }

}  // namespace port
}  // namespace biotrain
