// SPDX-License-Identifier: Apache-2.0
// What a program needs from the machine it runs on. One implementation a
// target; nothing above this line knows UARTs, semihosting or files.
#ifndef TFLM_TRAIN_PORTS_PORT_H_
#define TFLM_TRAIN_PORTS_PORT_H_

#include <stddef.h>
#include <stdint.h>

namespace biotrain {
namespace port {

// Fills data[size]; waits for the bytes. False: the input has ended.
[[nodiscard]] bool Read(void* data, size_t size);

// Sends data[size] at once, in order.
void Write(const void* data, size_t size);

// The deepest the stack has been since the start, in bytes.
size_t StackBytes();

// True when the stack has used every byte it was given.
bool StackExhausted();

// How many bytes beyond its RAM the program can look at; 0 on most machines.
size_t BeyondBytes();

// Whether nobody has written there: an emulator has painted it.
bool BeyondIntact();

// Ends the program; on a board without a debugger it goes to sleep for good.
[[noreturn]] void Exit(bool passed);

}  // namespace port
}  // namespace biotrain

#endif  // TFLM_TRAIN_PORTS_PORT_H_
