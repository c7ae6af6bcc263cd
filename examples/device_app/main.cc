// SPDX-License-Identifier: Apache-2.0
// Calibrates a model to its wearer: batches of samples come in over the link,
// each is one training step, and every step is reported as a line.
//
// Build it for a Cortex-M7 with what `biotrain convert` wrote:
//   make -f tflm_train/Makefile TARGET=cortex-m7 example
//       MODEL_DATA=build/eegnet/eegnet_model_data.cc OUT=build/device_app
#include "tflm_train/app/frame.h"
#include "tflm_train/app/line.h"
#include "tflm_train/micro/trainer.h"
#include "tflm_train/ports/port.h"

// The C array of the converter; in an app of your own, just its names.
#include BIOTRAIN_MODEL_HEADER
#define MODEL_DATA BIOTRAIN_MODEL_DATA
#define JOIN(a, b) a##b
#define NAME(base, suffix) JOIN(base, suffix)

namespace {

using biotrain::Error;
using biotrain::Line;
using biotrain::Span;
using biotrain::Status;
using biotrain::StatusCode;

// All the memory the training takes; .psram is the section for large ones.
alignas(16) __attribute__((
    section(".arena"))) uint8_t arena[NAME(MODEL_DATA, _arena_bytes)];

// Reads one batch, x and then the labels, to where the model expects it.
Status ReadBatch(biotrain::FrameReader* reader, biotrain::Trainer* trainer) {
  const Span<float> x = trainer->TrainInput();
  const Span<int32_t> y = trainer->TrainLabels();
  const size_t x_bytes = x.size() * sizeof(float);
  const size_t y_bytes = y.size() * sizeof(int32_t);
  if (reader->length() != x_bytes + y_bytes) {
    return Error(StatusCode::kBadShape, "batch",
                 static_cast<int64_t>(x_bytes + y_bytes), reader->length());
  }
  bool intact = false;
  if (!reader->Payload(x.data(), x_bytes) ||
      !reader->Payload(y.data(), y_bytes) || !reader->Verify(&intact) ||
      !intact) {
    return Error(StatusCode::kBadArgument, "batch");
  }
  return {};
}

// A refused batch has changed no weight: report it and wait for the next.
void Report(int step, const Status& status, float loss) {
  if (status.ok()) {
    Line().Int("step", step).Float("loss", loss).Send();
  } else {
    Line()
        .Text("error", biotrain::StatusName(status.code))
        .Text("what", status.what)
        .Int("wanted", status.wanted)
        .Int("found", status.found)
        .Send();
  }
}

bool Calibrate(biotrain::Trainer* trainer) {
  biotrain::FrameReader reader;
  int steps = 0;
  bool all_good = true;
  while (reader.Next() && reader.type() == 'T') {
    float loss = 0.0f;
    Status status = ReadBatch(&reader, trainer);
    if (status.ok()) status = trainer->TrainInPlace(&loss);
    Report(steps, status, loss);
    all_good = all_good && status.ok();
    steps += status.ok() ? 1 : 0;
  }
  Line().Int("steps", steps).Send();
  return all_good && steps > 0;
}

}  // namespace

int main() {
  biotrain::Trainer trainer;
  const Status created = biotrain::Trainer::Create(
      {MODEL_DATA, NAME(MODEL_DATA, _size)}, arena, &trainer);
  if (!created.ok()) Report(0, created, 0.0f);
  Line().Int("ready", created.ok()).Int("arena_bytes", sizeof(arena)).Send();
  const bool passed = created.ok() && Calibrate(&trainer);
  biotrain::SendWord(passed ? "PASS" : "FAIL");
  return passed ? 0 : 1;
}
