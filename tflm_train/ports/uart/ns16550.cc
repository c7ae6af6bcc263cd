// SPDX-License-Identifier: Apache-2.0
// NS16550 with byte-wide registers (QEMU `virt`, Renode).
#include "tflm_train/ports/uart/uart.h"

namespace biotrain {
namespace uart {
namespace {

constexpr int kData = 0;
constexpr int kInterruptEnable = 1;
constexpr int kFifoControl = 2;
constexpr int kLineControl = 3;
constexpr int kLineStatus = 5;

// Emulators hand over as many bytes at once as the trigger level says.
constexpr uint8_t kFifoEnable = 1u << 0;
constexpr uint8_t kFifoTriggerAt14 = 3u << 6;
constexpr uint8_t kEightBits = 3u;
constexpr uint8_t kDataReady = 1u << 0;
constexpr uint8_t kTransmitEmpty = 1u << 5;

volatile uint8_t* Uart() { return biotrain_uart_base; }

}  // namespace

void Enable() {
  Uart()[kInterruptEnable] = 0;
  Uart()[kLineControl] = kEightBits;
  Uart()[kFifoControl] = kFifoEnable | kFifoTriggerAt14;
}

void Receive(uint8_t* data, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    while (!(Uart()[kLineStatus] & kDataReady)) {
    }
    data[i] = Uart()[kData];
  }
}

void Transmit(const uint8_t* data, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    while (!(Uart()[kLineStatus] & kTransmitEmpty)) {
    }
    Uart()[kData] = data[i];
  }
}

}  // namespace uart
}  // namespace biotrain
