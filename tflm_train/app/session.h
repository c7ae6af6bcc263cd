// SPDX-License-Identifier: Apache-2.0
// Answers the frames of a host, one after the other, with one trainer.
//
//   T  x, y of one batch (float32; y int32 or float32)  -> `step=.. loss=..`
//   B  int32 numbers of stored samples, y of one batch  -> `step=.. loss=..`
//   I  x of one infer call                              -> frame O, the output
//   P  int32 number of a stored sample                  -> frame O, the output
//   S  nothing                                          -> frame W, all
//   variables R  what W carried                                   ->
//   `restored=..` H  nothing                                          -> the
//   ready line again Q  nothing                                          ->
//   figures, PASS or FAIL
#ifndef TFLM_TRAIN_APP_SESSION_H_
#define TFLM_TRAIN_APP_SESSION_H_

#include <cstdint>

#include "tflm_train/app/frame.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"
#include "tflm_train/micro/trainer.h"

namespace biotrain {

class Session {
 public:
  // `samples`: one after the other, as the model wants them, where the device
  // keeps them; for B and P.
  // `regions`: memory for the trainer, in one piece or as the plan wants it.
  Session(const char* name, Span<const uint8_t> model,
          Span<const Span<uint8_t>> regions, Span<const uint8_t> samples)
      : name_(name), model_(model), regions_(regions), samples_(samples) {}

  // Until Q or the end of the input. True: everything went well.
  [[nodiscard]] bool Run();

 private:
  void SendReady() const;
  void SendFigures() const;
  // Each reads the whole payload. False: the input has ended.
  [[nodiscard]] bool Dispatch();
  [[nodiscard]] bool OnTrain();
  [[nodiscard]] bool OnTrainStored();
  [[nodiscard]] bool OnInfer();
  [[nodiscard]] bool OnInferStored();
  void Answer(const Status& trained, float loss);
  [[nodiscard]] bool OnSave();
  [[nodiscard]] bool OnRestore();
  // Reads `parts` and the checksum; *good tells whether they can be used.
  [[nodiscard]] bool Receive(Span<uint8_t> first, Span<uint8_t> second,
                             const char* what, bool* good);
  [[nodiscard]] bool Drop();
  void Refuse(const Status& status);
  // `bytes` of the arena that hold nothing between two calls of the trainer;
  // empty if there are not as many.
  Span<uint8_t> Scratch(size_t bytes) const;
  Span<uint8_t> Targets();

  const char* name_;
  Span<const uint8_t> model_;
  Span<const Span<uint8_t>> regions_;
  Span<const uint8_t> samples_;
  Trainer trainer_;
  FrameReader reader_;
  int32_t steps_ = 0;
  int32_t errors_ = 0;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_APP_SESSION_H_
