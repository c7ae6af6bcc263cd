// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/ports/bare_metal/start.h"

#include <stddef.h>
#include <string.h>

#include "tflm_train/ports/bare_metal/link.h"
#include "tflm_train/ports/port.h"

extern "C" {
// Addresses given by sections.ld.
extern uint32_t biotrain_stack_limit[], biotrain_stack_top[];
extern uint8_t biotrain_data_start[], biotrain_data_end[];
extern const uint8_t biotrain_data_load[];
extern uint8_t biotrain_bss_start[], biotrain_bss_end[];
extern const uint32_t biotrain_ram_end[], biotrain_beyond_end[];
typedef void (*Initialiser)();
extern const Initialiser biotrain_init_start[], biotrain_init_end[];
}

int main();

namespace {

constexpr uint32_t kPaint = 0xA5C3965Au;

void PaintStack() {
  const uint32_t* here =
      static_cast<const uint32_t*>(__builtin_frame_address(0));
  // Some words below the frame are this function's own.
  for (volatile uint32_t* word = biotrain_stack_limit; word < here - 32;
       ++word) {
    *word = kPaint;
  }
}

char* Append(char* to, const char* text) {
  while (*text != '\0') *to++ = *text++;
  return to;
}

char* AppendHex(char* to, const char* key, uint32_t value) {
  to = Append(to, key);
  for (int shift = 28; shift >= 0; shift -= 4) {
    *to++ = "0123456789abcdef"[(value >> shift) & 15u];
  }
  return to;
}

}  // namespace

extern "C" void biotrain_start_program() {
  PaintStack();
  memcpy(biotrain_data_start, biotrain_data_load,
         static_cast<size_t>(biotrain_data_end - biotrain_data_start));
  memset(biotrain_bss_start, 0,
         static_cast<size_t>(biotrain_bss_end - biotrain_bss_start));
  biotrain::OpenLink();
  for (const Initialiser* initialise = biotrain_init_start;
       initialise < biotrain_init_end; ++initialise) {
    (*initialise)();
  }
  biotrain::port::Exit(main() == 0);
}

extern "C" void biotrain_report_fault(uint32_t cause, uint32_t pc,
                                      uint32_t address) {
  char line[128];
  char* end = Append(line, "error=fault");
  end = AppendHex(end, " cause=0x", cause);
  end = AppendHex(end, " pc=0x", pc);
  end = AppendHex(end, " address=0x", address);
  if (biotrain::port::StackExhausted()) end = Append(end, " stack=exhausted");
  end = Append(end, "\nFAIL\n");
  biotrain::port::Write(line, static_cast<size_t>(end - line));
  biotrain::port::Exit(false);
}

namespace biotrain {
namespace port {

size_t StackBytes() {
  const uint32_t* word = biotrain_stack_limit;
  while (word < biotrain_stack_top && *word == kPaint) ++word;
  return static_cast<size_t>(biotrain_stack_top - word) * sizeof(uint32_t);
}

size_t BeyondBytes() {
  return static_cast<size_t>(biotrain_beyond_end - biotrain_ram_end) *
         sizeof(uint32_t);
}

bool BeyondIntact() {
  const uint32_t* word = biotrain_ram_end;
  while (word < biotrain_beyond_end && *word == kPaint) ++word;
  return word == biotrain_beyond_end;
}

bool StackExhausted() {
  // What does not fit any more leaves a little room at the end.
  constexpr size_t kLittle = 128;
  const size_t size =
      static_cast<size_t>(biotrain_stack_top - biotrain_stack_limit) *
      sizeof(uint32_t);
  return StackBytes() > size - kLittle;
}

}  // namespace port
}  // namespace biotrain
