// SPDX-License-Identifier: Apache-2.0
// Arm CMSDK APB UART: one byte of buffer each way (MPS2 boards; QEMU, Renode).
#include "tflm_train/ports/uart/uart.h"

namespace biotrain {
namespace uart {
namespace {

struct Registers {
  volatile uint32_t data;
  volatile uint32_t state;
  volatile uint32_t control;
  volatile uint32_t interrupts;
  volatile uint32_t baud_divider;
};

constexpr uint32_t kTransmitFull = 1u << 0;
constexpr uint32_t kReceiveFull = 1u << 1;
constexpr uint32_t kTransmitEnable = 1u << 0;
constexpr uint32_t kReceiveEnable = 1u << 1;
// The smallest divider the hardware takes; emulators ignore the baud rate.
constexpr uint32_t kBaudDivider = 16;

Registers& Uart() { return *reinterpret_cast<Registers*>(biotrain_uart_base); }

}  // namespace

void Enable() {
  Uart().baud_divider = kBaudDivider;
  Uart().control = kTransmitEnable | kReceiveEnable;
}

void Receive(uint8_t* data, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    while (!(Uart().state & kReceiveFull)) {
    }
    data[i] = static_cast<uint8_t>(Uart().data);
  }
}

void Transmit(const uint8_t* data, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    while (Uart().state & kTransmitFull) {
    }
    Uart().data = data[i];
  }
}

}  // namespace uart
}  // namespace biotrain
