// SPDX-License-Identifier: Apache-2.0
// Arm semihosting (RISC-V uses the same calls): files of the host and an exit
// code, through a breakpoint that a debugger or an emulator answers.
#ifndef TFLM_TRAIN_PORTS_BARE_METAL_SEMIHOSTING_H_
#define TFLM_TRAIN_PORTS_BARE_METAL_SEMIHOSTING_H_

#include <stddef.h>
#include <stdint.h>

// One call; each architecture supplies the breakpoint.
extern "C" intptr_t biotrain_semihosting_call(intptr_t operation,
                                              void* argument);
// Set while the first call is made: with nobody there to answer it the
// breakpoint traps, and the trap handler then returns -1 from the call.
extern "C" volatile uint32_t biotrain_semihosting_probe;

namespace biotrain {
namespace semihosting {

// Reads the command line into line[size]. False: nobody answers semihosting,
// or the line is longer; QEMU's is the path of the kernel unless it has arg=.
[[nodiscard]] bool CommandLine(char* line, size_t size);

// A file handle, or -1.
[[nodiscard]] intptr_t OpenToRead(const char* path);
[[nodiscard]] intptr_t OpenToWrite(const char* path);
// Both ways, with what it holds; made if there is none.
[[nodiscard]] intptr_t OpenToUpdate(const char* path);

// Where the next read or write begins.
[[nodiscard]] bool Seek(intptr_t file, uint32_t offset);

// How many bytes were moved.
size_t Read(intptr_t file, void* data, size_t size);
size_t Write(intptr_t file, const void* data, size_t size);

// The emulator ends with this exit code.
void Exit(int code);

}  // namespace semihosting
}  // namespace biotrain

#endif  // TFLM_TRAIN_PORTS_BARE_METAL_SEMIHOSTING_H_
