// SPDX-License-Identifier: Apache-2.0
// A MicroInterpreter that runs `train`, `infer`, `save` and `restore` by name.
//
//   biotrain::SignatureInterpreter interpreter(model, ops, allocator);
//   interpreter.AllocateTensors();
//   ... fill interpreter.input("train", "x") and "y" ...
//   interpreter.Invoke("train");
//   float loss = *interpreter.output("train", "loss")->data.f;
//
// or, with the checks that Trainer makes of what it is given,
//
//   interpreter.trainer().Train(x, labels, &loss);
//
// Operators are run by TFLM's graph, so that its profiler sees them; a loop
// over samples is one operator. Variables are updated where they are.
#ifndef TFLM_TRAIN_TFLM_SIGNATURE_INTERPRETER_H_
#define TFLM_TRAIN_TFLM_SIGNATURE_INTERPRETER_H_

#include <cstddef>
#include <cstdint>

#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_op_resolver.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"
#include "tflm_train/micro/trainer.h"
#include "tflm_train/tflm/training_op.h"

namespace biotrain {

// Calls of MicroInterpreter that go by subgraph 0 are hidden by others of the
// same name. Not to be moved: TFLM keeps pointers into it.
class SignatureInterpreter : public tflite::MicroInterpreter {
 public:
  // `allocator` has a TrainingMemoryPlanner of the same flatbuffer. All of them
  // must outlive the interpreter.
  SignatureInterpreter(Span<const uint8_t> model,
                       const tflite::MicroOpResolver& ops,
                       tflite::MicroAllocator* allocator,
                       tflite::MicroProfilerInterface* profiler = nullptr);
  SignatureInterpreter(const SignatureInterpreter&) = delete;
  SignatureInterpreter& operator=(const SignatureInterpreter&) = delete;

  // Checks model, ops and plan as Trainer::Create does, and gives variables
  // their initial values.
  TfLiteStatus AllocateTensors();

  // The end of a signature, its data in the arena; nullptr if there is none, or
  // if it is the x of a model that fetches its samples.
  TfLiteEvalTensor* input(const char* signature, const char* name);
  TfLiteEvalTensor* output(const char* signature, const char* name);

  // Runs a signature on what its inputs hold, or on `samples` if it fetches
  // them. A step that is refused has changed no variable: see status().
  TfLiteStatus Invoke(const char* signature,
                      const SampleSource* samples = nullptr);

  // Variables back to their initial values; MicroInterpreter's sets them to 0.
  TfLiteStatus Reset();

  // The same model and variables, with the runner's calls: store/ and adapt/
  // work on it.
  Trainer& trainer() { return trainer_; }

  // How the last call ended.
  const Status& status() const { return status_; }

  // What the plan takes of arena_used_bytes(); the rest is TFLM's bookkeeping.
  size_t plan_bytes() const { return trainer_.ArenaUsed(); }

  // For ops of the application, instead of SetMicroExternalContext, which is
  // taken: TrainingCall::application.
  void SetApplicationContext(void* application) {
    call_.application = application;
  }

 private:
  TfLiteStatus End(const Status& status);
  Status FindArena(Span<uint8_t>* arena);
  Status ShareTensors(uint8_t* arena);
  Status RunInPlace(const char* signature, const SampleSource* samples);
  TfLiteEvalTensor* GetEnd(const char* signature, const char* name,
                           bool is_input);
  TfLiteEvalTensor* Tensors(int32_t subgraph);

  static Status RunByGraph(void* interpreter, int32_t index,
                           const Subgraph& subgraph, const float* loss);

  Span<const uint8_t> file_;
  TrainingCall call_;
  Executor executor_;
  Trainer trainer_;
  Status status_;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_TFLM_SIGNATURE_INTERPRETER_H_
