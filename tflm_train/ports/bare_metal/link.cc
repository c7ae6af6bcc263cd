// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/ports/bare_metal/link.h"

#include <string.h>

#include "tflm_train/ports/bare_metal/semihosting.h"
#include "tflm_train/ports/port.h"
#include "tflm_train/ports/uart/uart.h"

namespace biotrain {
namespace {

struct Link {
  bool has_semihosting;
  bool has_files;
  intptr_t input;
  intptr_t output;
};

// The machine has one link; this is its state.
Link link;

// Cuts the next word off `rest` and ends it with a zero; "" when none is left.
char* NextWord(char** rest) {
  char* word = *rest;
  while (*word == ' ') ++word;
  char* end = word;
  while (*end != '\0' && *end != ' ') ++end;
  *rest = *end == '\0' ? end : end + 1;
  *end = '\0';
  return word;
}

bool Same(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
}

}  // namespace

void OpenLink() {
  uart::Enable();
  char line[128];
  link.has_semihosting = semihosting::CommandLine(line, sizeof(line));
  if (!link.has_semihosting) return;
  char* rest = line;
  // Without arguments emulators put the path of the firmware here.
  if (!Same(NextWord(&rest), "biotrain")) return;
  const char* input = NextWord(&rest);
  const char* output = NextWord(&rest);
  if (*input == '\0' || *output == '\0') return;
  link.input = semihosting::OpenToRead(input);
  link.output = semihosting::OpenToWrite(output);
  link.has_files = link.input >= 0 && link.output >= 0;
}

bool HasSemihosting() { return link.has_semihosting; }

namespace port {

bool Read(void* data, size_t size) {
  if (!link.has_files) {
    uart::Receive(static_cast<uint8_t*>(data), size);
    return true;
  }
  return semihosting::Read(link.input, data, size) == size;
}

void Write(const void* data, size_t size) {
  if (link.has_files) {
    semihosting::Write(link.output, data, size);
  } else {
    uart::Transmit(static_cast<const uint8_t*>(data), size);
  }
}

void Exit(bool passed) {
  if (link.has_semihosting) semihosting::Exit(passed ? 0 : 1);
  // Some emulators drop what a UART sent just before the core goes to sleep.
  for (volatile uint32_t wait = 0; wait < 1000000; wait = wait + 1) {
  }
  for (;;) asm volatile("wfi");
}

}  // namespace port
}  // namespace biotrain
