// SPDX-License-Identifier: Apache-2.0
// Reads requests of 96 bytes, a name and sixteen numbers, and runs the kernel
// of that name; a request without a name ends it. Answers each with a line.
#include <cstdint>
#include <cstring>

#include "tflm_train/bench/kernel_run.h"
#include "tflm_train/ports/port.h"

extern "C" __attribute__((noinline)) void biotrain_mark() { asm volatile(""); }

namespace biotrain {
namespace bench {

float* Memory::Random(int64_t n) {
  // Kernels are measured on aligned arrays, as the arena has them.
  constexpr int64_t kAlignment = 4;
  const int64_t taken = (n + kAlignment - 1) / kAlignment * kAlignment;
  if (exhausted_ || taken > left_) {
    exhausted_ = true;
    return nullptr;
  }
  float* values = block_;
  for (int64_t i = 0; i < n; ++i) {
    state_ = state_ * 1664525u + 1013904223u;
    values[i] = static_cast<float>(static_cast<int32_t>(state_)) * 0x1p-31f;
  }
  block_ += taken;
  left_ -= taken;
  return values;
}

namespace {

struct Request {
  char name[32];
  int32_t arguments[16];
};

constexpr int64_t kFloats = 900 * 1024;
alignas(16) __attribute__((section(".arena"))) float memory_block[kFloats];

const Kernel* Find(const char* name) {
  const KernelTable tables[] = {kConvolutionKernels, kDenseKernels,
                                kElementKernels, kMaskKernels, kNormKernels};
  for (const KernelTable& table : tables) {
    for (size_t i = 0; i < table.count; ++i) {
      const char* candidate = table.kernels[i].name;
      const size_t size = strlen(candidate) + 1;
      if (memcmp(candidate, name, size) == 0) return &table.kernels[i];
    }
  }
  return nullptr;
}

void Say(const char* text) { port::Write(text, strlen(text)); }

bool Answer(const Request& request) {
  const Kernel* kernel = Find(request.name);
  if (kernel == nullptr) {
    Say("error=unknown_kernel\n");
    return false;
  }
  Memory memory(memory_block, kFloats);
  kernel->run(request.arguments, &memory);
  Say(memory.exhausted() ? "error=no_memory\n" : "done=1\n");
  return !memory.exhausted();
}

bool Run() {
  bool passed = true;
  Request request;
  while (port::Read(&request, sizeof(request))) {
    request.name[sizeof(request.name) - 1] = '\0';
    if (request.name[0] == '\0') return passed;
    passed = Answer(request) && passed;
  }
  return false;
}

}  // namespace
}  // namespace bench
}  // namespace biotrain

int main() {
  const bool passed = biotrain::bench::Run();
  biotrain::bench::Say(passed ? "PASS\n" : "FAIL\n");
  return passed ? 0 : 1;
}
