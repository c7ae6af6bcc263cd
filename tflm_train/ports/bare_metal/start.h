// SPDX-License-Identifier: Apache-2.0
// What the start-up code of an architecture hands over to.
#ifndef TFLM_TRAIN_PORTS_BARE_METAL_START_H_
#define TFLM_TRAIN_PORTS_BARE_METAL_START_H_

#include <stdint.h>

// With a stack and an FPU: paints the stack, fills .data and .bss, runs main.
extern "C" [[noreturn]] void biotrain_start_program();

// Prints `error=fault cause=.. pc=.. address=..`, `FAIL`, and ends.
extern "C" [[noreturn]] void biotrain_report_fault(uint32_t cause, uint32_t pc,
                                                   uint32_t address);

#endif  // TFLM_TRAIN_PORTS_BARE_METAL_START_H_
