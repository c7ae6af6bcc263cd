// SPDX-License-Identifier: Apache-2.0
// Chooses what port::Read and port::Write go through.
#ifndef TFLM_TRAIN_PORTS_BARE_METAL_LINK_H_
#define TFLM_TRAIN_PORTS_BARE_METAL_LINK_H_

namespace biotrain {

// Two files, when the semihosting command line is `biotrain IN OUT`;
// otherwise the UART.
void OpenLink();

// Whether anybody answers semihosting; known after OpenLink.
[[nodiscard]] bool HasSemihosting();

}  // namespace biotrain

#endif  // TFLM_TRAIN_PORTS_BARE_METAL_LINK_H_
