// SPDX-License-Identifier: Apache-2.0
// The memory of the plan: how many bytes it wants, and in which sections they
// fit, is known when the firmware is built.
#include <stddef.h>
#include <stdint.h>

#include "tflm_train/micro/span.h"

// All regions behind the first one, each as REGION(symbol, bytes, section).
#ifndef BIOTRAIN_MORE_REGIONS
#define BIOTRAIN_MORE_REGIONS
#endif
#define BIOTRAIN_REGIONS                                               \
  REGION(biotrain_arena, BIOTRAIN_ARENA_BYTES, BIOTRAIN_ARENA_SECTION) \
  BIOTRAIN_MORE_REGIONS

extern "C" {
#define REGION(name, bytes, section_name) \
  alignas(16) __attribute__((section(section_name))) uint8_t name[bytes];
BIOTRAIN_REGIONS
#undef REGION

#define REGION(name, bytes, section_name) {name, bytes},
extern const biotrain::Span<uint8_t> biotrain_regions[];
const biotrain::Span<uint8_t> biotrain_regions[] = {BIOTRAIN_REGIONS};
#undef REGION
extern const size_t biotrain_region_count =
    sizeof biotrain_regions / sizeof biotrain_regions[0];
}
