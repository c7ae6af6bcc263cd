// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/tflm/signature_interpreter.h"

#include <cstring>

#include "tensorflow/lite/micro/micro_context.h"
#include "tensorflow/lite/micro/micro_interpreter_graph.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "tflm_train/micro/interpreter.h"
#include "tflm_train/micro/signatures.h"

namespace biotrain {
namespace {

Status Failed(const char* what) {
  return Error(StatusCode::kBadArgument, what, kTfLiteOk, kTfLiteError);
}

// Bytes from the beginning of the arena to a tensor's first place in it; false
// if it has none.
bool FindOffset(const Subgraph& subgraph, int32_t tensor, int32_t* offset) {
  // Offsets below kNowhere stand for slices: offset and strides.
  constexpr int32_t kFirstSlice = kNowhere - 1;
  constexpr size_t kSliceWords = 1 + kMaxLoops;
  *offset = subgraph.offsets[tensor];
  if (*offset <= kFirstSlice) {
    const size_t word =
        static_cast<size_t>(kFirstSlice - *offset) * kSliceWords;
    if (word >= subgraph.slices.size()) return false;
    *offset = subgraph.slices[word];
  }
  return *offset != kNowhere;
}

bool IsConstant(const tflite::Model* model, int32_t subgraph, int32_t tensor) {
  const auto buffer =
      model->subgraphs()->Get(subgraph)->tensors()->Get(tensor)->buffer();
  const auto* data = model->buffers()->Get(buffer)->data();
  return data != nullptr && data->size() > 0;
}

// visit(model, subgraph, its number, tensor) until one fails.
template <typename Visit>
Status ForEachTensor(Span<const uint8_t> file, const Visit& visit) {
  Model model;
  Status status = Model::Open(file, &model);
  for (int32_t s = 0; s < model.subgraph_count() && status.ok(); ++s) {
    Subgraph subgraph;
    status = model.GetSubgraph(s, &subgraph);
    for (int32_t t = 0; t < subgraph.tensors.size() && status.ok(); ++t) {
      status = visit(model, subgraph, s, t);
    }
  }
  return status;
}

}  // namespace

SignatureInterpreter::SignatureInterpreter(
    Span<const uint8_t> model, const tflite::MicroOpResolver& ops,
    tflite::MicroAllocator* allocator, tflite::MicroProfilerInterface* profiler)
    : MicroInterpreter(tflite::GetModel(model.data()), ops, allocator,
                       /*resource_variables=*/nullptr, profiler),
      file_(model),
      executor_{this, RunByGraph} {
  SetMicroExternalContext(&call_);
}

TfLiteStatus SignatureInterpreter::End(const Status& status) {
  status_ = status;
  if (status.ok()) return kTfLiteOk;
  LogStatus(status);
  return kTfLiteError;
}

TfLiteEvalTensor* SignatureInterpreter::Tensors(int32_t subgraph) {
  tflite::MicroGraph& graph = tflite::GetMicroContext(&context())->graph();
  return static_cast<tflite::MicroInterpreterGraph&>(graph)
      .GetAllocations()[subgraph]
      .tensors;
}

TfLiteStatus SignatureInterpreter::AllocateTensors() {
  // TFLM reads the file without a check of its own.
  Model opened;
  const Status open = Model::Open(file_, &opened);
  if (!open.ok()) return End(open);
  if (MicroInterpreter::AllocateTensors() != kTfLiteOk) {
    return End(Failed("MicroInterpreter::AllocateTensors"));
  }
  Span<uint8_t> arena;
  Status status = FindArena(&arena);
  if (status.ok()) status = ShareTensors(arena.data());
  if (!status.ok()) return End(status);
  call_.model = &trainer_.model();
  call_.arena = arena;
  return End(
      Trainer::Create(file_, arena, &trainer_, /*limits=*/{}, &executor_));
}

// Where the plan begins is where its tensors are, less their offsets.
Status SignatureInterpreter::FindArena(Span<uint8_t>* arena) {
  *arena = {};
  const Status status = ForEachTensor(
      file_,
      [&](const Model& model, const Subgraph& subgraph, int32_t s,
          int32_t t) -> Status {
        int32_t offset;
        uint8_t* const data = Tensors(s)[t].data.uint8;
        if (arena->data() == nullptr && data != nullptr &&
            FindOffset(subgraph, t, &offset)) {
          *arena = {data - offset, static_cast<size_t>(model.arena_bytes())};
        }
        return {};
      });
  if (!status.ok() || arena->data() != nullptr) return status;
  return Error(StatusCode::kNoPlan, "tensors", 1, 0);
}

// TFLM's tensors are where the plan has them, or else another planner was
// used; and what the plan gives no place must not point at one.
Status SignatureInterpreter::ShareTensors(uint8_t* arena) {
  const tflite::Model* file = tflite::GetModel(file_.data());
  return ForEachTensor(
      file_,
      [&](const Model&, const Subgraph& subgraph, int32_t s,
          int32_t t) -> Status {
        TfLiteEvalTensor& tensor = Tensors(s)[t];
        if (tensor.data.data == nullptr || IsConstant(file, s, t)) return {};
        int32_t offset;
        if (!FindOffset(subgraph, t, &offset)) {
          tensor.data.data = nullptr;
        } else if (tensor.data.uint8 != arena + offset) {
          return Error(StatusCode::kNoPlan, "TrainingMemoryPlanner", offset,
                       tensor.data.uint8 - arena);
        }
        return {};
      });
}

TfLiteEvalTensor* SignatureInterpreter::GetEnd(const char* signature,
                                               const char* name,
                                               bool is_input) {
  Signature found;
  status_ = trainer_.model().GetSignature(signature, &found);
  if (!status_.ok()) return nullptr;
  const int32_t tensor =
      FindEntry(is_input ? found.inputs : found.outputs, name);
  if (tensor < 0) {
    status_ = Error(StatusCode::kNoSignature, name, 1, 0);
    return nullptr;
  }
  TfLiteEvalTensor* end = &Tensors(found.subgraph)[tensor];
  return end->data.data == nullptr ? nullptr : end;
}

TfLiteEvalTensor* SignatureInterpreter::input(const char* signature,
                                              const char* name) {
  return GetEnd(signature, name, /*is_input=*/true);
}

TfLiteEvalTensor* SignatureInterpreter::output(const char* signature,
                                               const char* name) {
  return GetEnd(signature, name, /*is_input=*/false);
}

TfLiteStatus SignatureInterpreter::Reset() { return End(trainer_.Reset()); }

TfLiteStatus SignatureInterpreter::Invoke(const char* signature,
                                          const SampleSource* samples) {
  if (std::strcmp(signature, kTrain) != 0) {
    return End(RunInPlace(signature, samples));
  }
  float loss;
  if (samples == nullptr) return End(trainer_.TrainInPlace(&loss));
  const Span<const int32_t> labels = trainer_.TrainLabels();
  if (!labels.empty()) return End(trainer_.Train(*samples, labels, &loss));
  const Span<const float> targets = trainer_.TrainTargets();
  return End(trainer_.Train(*samples, targets, &loss));
}

Status SignatureInterpreter::RunInPlace(const char* signature,
                                        const SampleSource* samples) {
  const Model& model = trainer_.model();
  Signature found;
  Subgraph subgraph;
  Status status = model.GetSignature(signature, &found);
  if (status.ok()) status = model.GetSubgraph(found.subgraph, &subgraph);
  if (!status.ok()) return status;
  subgraph.source = samples;
  return RunByGraph(this, found.subgraph, subgraph, /*loss=*/nullptr);
}

Status SignatureInterpreter::RunByGraph(void* interpreter, int32_t index,
                                        const Subgraph& subgraph,
                                        const float* loss) {
  auto* self = static_cast<SignatureInterpreter*>(interpreter);
  TrainingCall& call = self->call_;
  call.subgraph_index = index;
  call.subgraph = &subgraph;
  call.loss = loss;
  call.status = {};
  const TfLiteStatus invoked =
      tflite::GetMicroContext(&self->context())->graph().InvokeSubgraph(index);
  call.subgraph_index = -1;
  call.subgraph = nullptr;
  if (!call.status.ok()) return call.status;
  if (invoked != kTfLiteOk) return Failed("InvokeSubgraph");
  if (loss == nullptr || IsFinite(*loss)) return {};
  return Error(StatusCode::kLossNotFinite, kLoss, 1, 0);
}

}  // namespace biotrain
