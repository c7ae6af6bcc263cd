// SPDX-License-Identifier: Apache-2.0
// One polled UART. The target profile says which driver is linked, the linker
// script says where its registers are.
#ifndef TFLM_TRAIN_PORTS_UART_UART_H_
#define TFLM_TRAIN_PORTS_UART_UART_H_

#include <stddef.h>
#include <stdint.h>

// Defined by the linker script; its *address* is the base of the registers. A
// compiler that took it for unaligned would reach a register byte by byte,
// which buses refuse.
extern "C" {
alignas(uint32_t) extern uint8_t biotrain_uart_base[];
}

namespace biotrain {
namespace uart {

void Enable();
void Receive(uint8_t* data, size_t size);
void Transmit(const uint8_t* data, size_t size);

}  // namespace uart
}  // namespace biotrain

#endif  // TFLM_TRAIN_PORTS_UART_UART_H_
