// SPDX-License-Identifier: Apache-2.0
// The firmware: a model in flash, an arena in RAM, in one region or several, a
// host on the link.
#include "tflm_train/app/line.h"
#include "tflm_train/app/session.h"

extern "C" {
// model.S and arena.cc, built for each model.
extern const uint8_t biotrain_model[];
extern const uint8_t biotrain_model_end[];
extern const char biotrain_model_name[];
extern const uint8_t biotrain_samples[];
extern const uint8_t biotrain_samples_end[];
extern const biotrain::Span<uint8_t> biotrain_regions[];
extern const size_t biotrain_region_count;
}

int main() {
  biotrain::Session session(
      biotrain_model_name,
      {biotrain_model,
       static_cast<size_t>(biotrain_model_end - biotrain_model)},
      {biotrain_regions, biotrain_region_count},
      {biotrain_samples,
       static_cast<size_t>(biotrain_samples_end - biotrain_samples)});
  const bool passed = session.Run();
  biotrain::SendWord(passed ? "PASS" : "FAIL");
  return passed ? 0 : 1;
}
