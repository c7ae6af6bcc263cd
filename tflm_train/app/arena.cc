// SPDX-License-Identifier: Apache-2.0
// The arena: how many bytes the plan wants, and in which memory they fit, is
// known when the firmware is built.
#include <stddef.h>
#include <stdint.h>

extern "C" {
alignas(16) __attribute__((section(BIOTRAIN_ARENA_SECTION))) uint8_t
    biotrain_arena[BIOTRAIN_ARENA_BYTES];
extern const size_t biotrain_arena_bytes = BIOTRAIN_ARENA_BYTES;
}
