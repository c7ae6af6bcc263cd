// SPDX-License-Identifier: Apache-2.0
// Cortex-M4F, M7, M33 and M55: vector table, FPU (with Helium) on, faults
// reported.
#include "tflm_train/ports/bare_metal/start.h"

#include <stdint.h>

#include "tflm_train/ports/bare_metal/semihosting.h"

extern "C" {
extern uint32_t biotrain_stack_limit[], biotrain_stack_top[];
[[noreturn]] void biotrain_start();
void biotrain_fault_entry();
[[noreturn]] void biotrain_fault(const uint32_t* frame);
}

namespace {

volatile uint32_t& SystemRegister(uintptr_t address) {
  return *reinterpret_cast<volatile uint32_t*>(address);
}

constexpr uintptr_t kCpacr = 0xE000ED88;
constexpr uintptr_t kShcsr = 0xE000ED24;
constexpr uintptr_t kCfsr = 0xE000ED28;
constexpr uintptr_t kBfar = 0xE000ED38;
constexpr uint32_t kFpuFullAccess = 0xFu << 20;
// A stack that ran over cannot hold the frame of its own fault. If that fault
// were a hard fault already the core would lock up; from these it escalates.
constexpr uint32_t kMemoryBusUsageFaults = 7u << 16;

#if __ARM_ARCH >= 8
// The core itself compares the stack pointer with a limit. A fault of the limit
// leaves no frame behind, and its handler does not need one.
void GuardStack() {
  asm volatile("msr msplim, %0" : : "r"(biotrain_stack_limit));
}
#else
// Memory protection: one region, no access, right below the stack. On boards
// nothing is there; emulators may ignore what is written to nowhere.
constexpr uintptr_t kMpuType = 0xE000ED90;
constexpr uintptr_t kMpuControl = 0xE000ED94;
constexpr uintptr_t kMpuRegionNumber = 0xE000ED98;
constexpr uintptr_t kMpuRegionBase = 0xE000ED9C;
constexpr uintptr_t kMpuRegionSize = 0xE000EDA0;
constexpr uint32_t kMpuRegionsMask = 0xFF00;
constexpr uint32_t kGuardBytes = 32 * 1024;
constexpr uint32_t kGuardSize = (14u << 1) | 1u;  // 2^(14 + 1) bytes, enabled
constexpr uint32_t kMpuEnable = (1u << 2) | 1u;   // elsewhere as without MPU

void GuardStack() {
  if ((SystemRegister(kMpuType) & kMpuRegionsMask) == 0) return;
  SystemRegister(kMpuRegionNumber) = 0;
  SystemRegister(kMpuRegionBase) =
      reinterpret_cast<uintptr_t>(biotrain_stack_limit) - kGuardBytes;
  SystemRegister(kMpuRegionSize) = kGuardSize;
  SystemRegister(kMpuControl) = kMpuEnable;
}
#endif

// The word of an exception frame that holds the return address.
constexpr int kFramePc = 6;

struct VectorTable {
  uint32_t* stack_top;
  void (*handlers[15])();
};

__attribute__((section(".start"), used)) const VectorTable kVectors = {
    biotrain_stack_top,
    {biotrain_start, biotrain_fault_entry, biotrain_fault_entry,
     biotrain_fault_entry, biotrain_fault_entry, biotrain_fault_entry,
     biotrain_fault_entry, biotrain_fault_entry, biotrain_fault_entry,
     biotrain_fault_entry, biotrain_fault_entry, biotrain_fault_entry,
     biotrain_fault_entry, biotrain_fault_entry, biotrain_fault_entry}};

}  // namespace

extern "C" void biotrain_start() {
  SystemRegister(kCpacr) = SystemRegister(kCpacr) | kFpuFullAccess;
  SystemRegister(kShcsr) = SystemRegister(kShcsr) | kMemoryBusUsageFaults;
  GuardStack();
  asm volatile("dsb\n\tisb" ::: "memory");
  biotrain_start_program();
}

// A semihosting breakpoint nobody answers becomes a fault: if that call was the
// probe, return -1 from it. Any other fault is reported on a fresh stack, since
// a stack that ran over may be the cause.
extern "C" __attribute__((naked)) void biotrain_fault_entry() {
  asm volatile(
      "ldr  r1, =biotrain_semihosting_probe\n\t"
      "ldr  r2, [r1]\n\t"
      "cbz  r2, 1f\n\t"
      "movs r2, #0\n\t"
      "str  r2, [r1]\n\t"
      "mvn  r2, r2\n\t"
      "str  r2, [sp, #0]\n\t"   // r0 of the interrupted call
      "ldr  r2, [sp, #24]\n\t"  // its pc: step over the breakpoint
      "adds r2, #2\n\t"
      "str  r2, [sp, #24]\n\t"
      "bx   lr\n"
      "1:\n\t"
      "mov  r0, sp\n\t"
      "ldr  r1, =biotrain_stack_top\n\t"
      "mov  sp, r1\n\t"
      "bl   biotrain_fault\n\t"
      ".ltorg");
}

extern "C" void biotrain_fault(const uint32_t* frame) {
  const bool readable =
      frame >= biotrain_stack_limit && frame + 8 <= biotrain_stack_top;
  biotrain_report_fault(SystemRegister(kCfsr), readable ? frame[kFramePc] : 0,
                        SystemRegister(kBfar));
}

extern "C" __attribute__((naked, noinline)) intptr_t biotrain_semihosting_call(
    intptr_t, void*) {
  asm volatile("bkpt 0xAB\n\tbx lr");
}
