// SPDX-License-Identifier: Apache-2.0
// Calibrates a model to its wearer: batches of samples come in over the link,
// each is one training step, and every step is reported as a line. After each
// step the weights are saved; an app whose power was cut goes on where it was.
//
// Build it for a Cortex-M7 with what `biotrain convert` wrote:
//   make -f tflm_train/Makefile TARGET=cortex-m7 example
//       MODEL_DATA=build/eegnet/eegnet_model_data.cc OUT=build/device_app
#include "tflm_train/app/frame.h"
#include "tflm_train/app/line.h"
#include "tflm_train/store/file_flash.h"
#include "tflm_train/store/store.h"

// The C array of the converter; in an app of your own, just its names.
#include BIOTRAIN_MODEL_HEADER
#define MODEL_DATA BIOTRAIN_MODEL_DATA
#define JOIN(a, b) a##b
#define NAME(base, suffix) JOIN(base, suffix)

namespace {

using biotrain::Line;
using biotrain::Span;
using biotrain::Status;
using biotrain::StatusCode;

// All the memory the training takes; .psram is the section for large ones.
alignas(16) __attribute__((
    section(".arena"))) uint8_t arena[NAME(MODEL_DATA, _arena_bytes)];

// A file of the host or the emulator stands in for the flash; on a board this
// is your biotrain::Flash. Sectors of 4 KB, 32 bytes at once.
constexpr biotrain::FlashGeometry kFlash = {4096, 64, 32, 0xff};

struct App {
  biotrain::Trainer trainer;
  biotrain::FileFlash flash;
  biotrain::Store store;
  int32_t steps = 0;  // saved with the weights
  Span<uint8_t> Extra() {
    return {reinterpret_cast<uint8_t*>(&steps), sizeof steps};
  }
};

Status Start(App* app) {
  Status status = biotrain::Trainer::Create(
      {MODEL_DATA, NAME(MODEL_DATA, _size)}, arena, &app->trainer);
  if (!status.ok()) return status;
  status = biotrain::FileFlash::Open("device_app.flash", kFlash, &app->flash);
  if (!status.ok()) return status;
  status = biotrain::Store::Open(app->flash.flash(), app->trainer,
                                 app->Extra().size(), &app->store);
  if (!status.ok() || !app->store.has_state()) return status;
  return app->store.Restore(&app->trainer, app->Extra());
}

// One batch, x and then the labels, to where the model expects it; one step.
Status Train(biotrain::FrameReader* reader, App* app, float* loss) {
  const Span<float> x = app->trainer.TrainInput();
  const Span<int32_t> y = app->trainer.TrainLabels();
  const size_t x_bytes = x.size() * sizeof(float);
  const size_t y_bytes = y.size() * sizeof(int32_t);
  if (reader->length() != x_bytes + y_bytes) {
    return biotrain::Error(StatusCode::kBadShape, "batch",
                           static_cast<int64_t>(x_bytes + y_bytes),
                           reader->length());
  }
  bool intact = false;
  if (!reader->Payload(x.data(), x_bytes) ||
      !reader->Payload(y.data(), y_bytes) || !reader->Verify(&intact) ||
      !intact) {
    return biotrain::Error(StatusCode::kBadArgument, "batch");
  }
  Status status = app->trainer.TrainInPlace(loss);
  if (!status.ok()) return status;
  ++app->steps;
  return app->store.Save(app->trainer, app->Extra());
}

bool Calibrate(App* app) {
  biotrain::FrameReader reader;
  const int32_t known = app->steps;  // batches from before the power cut
  bool all_good = true;
  for (int32_t i = 0; reader.Next() && reader.type() == 'T'; ++i) {
    if (i < known) {
      if (!reader.Skip(reader.length() + sizeof(uint32_t))) return false;
      continue;
    }
    float loss = 0.0f;
    const Status status = Train(&reader, app, &loss);
    all_good = all_good && status.ok();
    if (!status.ok()) {
      biotrain::SendError(status);
      continue;
    }
    Line()
        .Int("step", app->steps)
        .Float("loss", loss)
        .Bits("loss_bits", loss)
        .Send();
  }
  Line().Int("steps", app->steps).Send();
  return all_good && app->steps > 0;
}

}  // namespace

int main() {
  App app;
  const Status status = Start(&app);
  if (!status.ok()) biotrain::SendError(status);
  Line()
      .Int("ready", status.ok())
      .Int("arena_bytes", sizeof(arena))
      .Int("steps", app.steps)
      .Send();
  const bool passed = status.ok() && Calibrate(&app);
  biotrain::SendWord(passed ? "PASS" : "FAIL");
  return passed ? 0 : 1;
}
