// SPDX-License-Identifier: Apache-2.0
// One training step, saved and restored. Copy it, and put your own model in the
// place of model_data.h: what `biotrain convert` wrote, with its model_ops.cc.
#include "example.h"

#include "model_data.h"
#include "tflm_train/store/ram_flash.h"
#include "tflm_train/store/store.h"

namespace {

using biotrain::Span;
using biotrain::Status;

alignas(16) uint8_t arena[g_model_data_arena_bytes];

// A flash driver of the board's belongs here.
constexpr biotrain::FlashGeometry kGeometry = {4096, 8, 32, 0xff};
uint8_t flash_bytes[4096 * 8];

Status Run(float* loss) {
  biotrain::Trainer trainer;
  Status status = biotrain::Trainer::Create({g_model_data, g_model_data_size},
                                            arena, &trainer);
  if (!status.ok()) return status;
  biotrain::RamFlash ram({flash_bytes, sizeof flash_bytes}, kGeometry);
  biotrain::Store store;
  status = biotrain::Store::Open(ram.flash(), trainer, 0, &store);
  if (status.ok() && store.has_state()) status = store.Restore(&trainer);
  if (!status.ok()) return status;
  for (float& value : trainer.TrainInput()) value = 0.0f;
  for (int32_t& label : trainer.TrainLabels()) label = 0;
  status = trainer.TrainInPlace(loss);
  return status.ok() ? store.Save(trainer) : status;
}

}  // namespace

extern "C" int biotrain_example(void) {
  float loss = 0.0f;
  return static_cast<int>(Run(&loss).code);
}
