// SPDX-License-Identifier: Apache-2.0
// Trains and runs a model made by the converter, in memory the caller owns.
//
//   alignas(16) static uint8_t arena[kArenaBytes];
//   biotrain::Trainer trainer;
//   biotrain::Status status = biotrain::Trainer::Create(
//       {g_model_data, g_model_data_len}, {arena, sizeof arena}, &trainer);
//   if (status.ok()) status = trainer.Train(x, labels, &loss);
//
// Nothing is allocated, and model and arena must outlive the trainer. A call
// that does not return kOk has changed no variable.
#ifndef TFLM_TRAIN_MICRO_TRAINER_H_
#define TFLM_TRAIN_MICRO_TRAINER_H_

#include <cstddef>
#include <cstdint>

#include "tflm_train/micro/model.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"
#include "tflm_train/micro/tensor.h"

namespace biotrain {

// A damaged model must not hang a device, so Create refuses models one of
// whose signatures would take longer than this. The estimate counts
// multiply-adds, and what the other ops cost in the same unit.
struct Limits {
  int64_t work_per_call = int64_t{1} << 32;  // a few seconds on a laptop
};

// Another interpreter that runs the subgraphs of a trainer's model, operator by
// operator as RunSubgraph does.
struct Executor {
  void* context = nullptr;
  Status (*run)(void* context, int32_t index, const Subgraph& subgraph,
                const float* loss) = nullptr;
};

class Trainer {
 public:
  Trainer() = default;

  // Checks every op the signatures reach, against the plan and the arena, and
  // gives the variables their initial values. `arena` starts at a multiple of
  // 16, `model` of 4. One arena holds any plan. An `executor` must outlive the
  // trainer.
  static Status Create(Span<const uint8_t> model, Span<uint8_t> arena,
                       Trainer* trainer, const Limits& limits = {},
                       const Executor* executor = nullptr);

  // The same for a plan of several regions: a piece of memory for each, in
  // their order, no smaller than RequiredRegion says.
  static Status Create(Span<const uint8_t> model,
                       Span<const Span<uint8_t>> regions, Trainer* trainer,
                       const Limits& limits = {},
                       const Executor* executor = nullptr);

  // What Create needs, from the plan alone.
  static Status RequiredArena(Span<const uint8_t> model, size_t* bytes);
  // Of region `i`; 0 if the plan has no such region.
  static Status RequiredRegion(Span<const uint8_t> model, size_t i,
                               size_t* bytes);

  // One optimiser step on one batch. NaN or infinity in x or y, a label the
  // model has no class for or a loss that is not finite refuse the step.
  Status Train(Span<const float> x, Span<const int32_t> y, float* loss);
  Status Train(Span<const float> x, Span<const float> y, float* loss);

  // The same with samples that come when they are needed. With these, a batch
  // may be larger than the RAM: a model that fetches samples keeps none.
  Status Train(const SampleSource& x, Span<const int32_t> y, float* loss);
  Status Train(const SampleSource& x, Span<const float> y, float* loss);

  // The same without the copy: fill TrainInput() and TrainLabels() (or
  // TrainTargets()) first. A step overwrites them; empty if there are none.
  Status TrainInPlace(float* loss);
  Span<float> TrainInput();
  Span<int32_t> TrainLabels();
  Span<float> TrainTargets();

  // What Keras' predict gives for x.
  Status Infer(Span<const float> x, Span<float> output);
  Status Infer(const SampleSource& x, Span<float> output);

  // Whether training and inference fetch their samples; otherwise a sample is
  // copied into the arena first.
  bool FetchesSamples() const;

  // All variables, concatenated in the order of the save signature.
  Status Save(Span<uint8_t> out) const;
  // The same without a copy: visit(context, bytes) for one variable after the
  // other.
  using Visit = void (*)(void* context, Span<const uint8_t> bytes);
  Status SaveEach(Visit visit, void* context) const;
  Status Restore(Span<const uint8_t> in);
  // The same piece by piece, for a state that is in no memory: read(context,
  // offset, bytes) fills `bytes` with what begins at this offset of the state.
  // All of it is read twice, in order: to look at it, and to restore it. If
  // only the second reading fails, the variables are back at their initial
  // values.
  using ReadState = bool (*)(void* context, size_t offset, Span<uint8_t> bytes);
  Status RestoreEach(ReadState read, void* context);
  size_t SaveBytes() const;

  // Back to the initial values.
  Status Reset();

  size_t ArenaUsed() const;
  // The longest piece of the arena that holds nothing between two calls.
  Span<uint8_t> Scratch() const;
  Span<const uint8_t> ModelFile() const { return model_.file(); }
  const Model& model() const { return model_; }

  // Shape and type of an end of a signature: Input("train", "x", &tensor).
  Status Input(const char* signature, const char* name, Tensor* tensor) const;
  Status Output(const char* signature, const char* name, Tensor* tensor) const;
  // The number of elements; 0 if there is no such end.
  size_t InputElements(const char* signature, const char* name) const;
  size_t OutputElements(const char* signature, const char* name) const;

 private:
  Status Start(const Arena& arena, const Limits& limits);
  Status TrainOn(Span<const float> x, const void* y, size_t y_elements,
                 TensorType y_type, float* loss);
  Status TrainOn(const SampleSource& x, const void* y, size_t y_elements,
                 TensorType y_type, float* loss);
  Status CopyLabels(const void* y, size_t elements, TensorType type);
  Status TrainStep(const SampleSource* x, float* loss);
  template <typename Visitor>
  Status ForEachRestored(Visitor visit) const;
  Status LookAtState(ReadState read, void* context) const;
  Status CopyState(ReadState read, void* context) const;
  Status Run(const char* signature, const float* loss,
             const SampleSource* source = nullptr) const;

  Status RunSubgraphAt(int32_t index, const Subgraph& subgraph,
                       const float* loss) const;

  Model model_;
  Arena arena_;
  const Executor* executor_ = nullptr;
  int32_t init_subgraph_ = -1;
  bool created_ = false;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_TRAINER_H_
