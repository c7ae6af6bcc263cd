// SPDX-License-Identifier: Apache-2.0
// A file that outlives the program: an ordinary one on the host, and one of the
// debugger or emulator where semihosting is answered. A board by itself has
// none.
#ifndef TFLM_TRAIN_PORTS_STORAGE_H_
#define TFLM_TRAIN_PORTS_STORAGE_H_

#include <stddef.h>
#include <stdint.h>

namespace biotrain {
namespace port {

// A handle; the file is made if there is none. -1: there are no files.
[[nodiscard]] intptr_t OpenStorage(const char* path);

// data[size] at `offset`. False: not all of it, or the file is shorter.
[[nodiscard]] bool ReadStorage(intptr_t file, uint32_t offset, void* data,
                               size_t size);
[[nodiscard]] bool WriteStorage(intptr_t file, uint32_t offset,
                                const void* data, size_t size);

}  // namespace port
}  // namespace biotrain

#endif  // TFLM_TRAIN_PORTS_STORAGE_H_
