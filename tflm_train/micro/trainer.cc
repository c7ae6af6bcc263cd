// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/trainer.h"

#include <cstring>
#include <initializer_list>

#include "tflm_train/micro/finite.h"
#include "tflm_train/micro/interpreter.h"
#include "tflm_train/micro/op_table.h"
#include "tflm_train/micro/signatures.h"

namespace biotrain {
namespace {

constexpr uintptr_t kArenaAlignment = 16;

Status BadArgument(const char* what, int64_t wanted, int64_t found) {
  return Error(StatusCode::kBadArgument, what, wanted, found);
}

Status NotCreated() { return BadArgument("trainer", 1, 0); }

bool Overlap(const uint8_t* a, size_t a_bytes, const uint8_t* b,
             size_t b_bytes) {
  const auto a_begin = reinterpret_cast<uintptr_t>(a);
  const auto b_begin = reinterpret_cast<uintptr_t>(b);
  return a_begin < b_begin + b_bytes && b_begin < a_begin + a_bytes;
}

Status CheckSize(const void* data, size_t elements, const Tensor& wanted,
                 const char* what) {
  if (data == nullptr) return BadArgument(what, 1, 0);
  if (elements != static_cast<size_t>(wanted.elements)) {
    return Error(StatusCode::kBadShape, what, wanted.elements, elements);
  }
  return {};
}

Status CheckFloats(const Tensor& tensor, const char* what) {
  if (tensor.type != TensorType::kFloat32) return {};
  return CheckFinite(tensor.data, tensor.elements, what);
}

Status CheckType(const Tensor& wanted, TensorType found, const char* what) {
  if (wanted.type == found) return {};
  return Error(StatusCode::kBadType, what, static_cast<int>(wanted.type),
               static_cast<int>(found));
}

// Samples one after the other.
SampleSource InMemory(Span<const float> x) {
  const auto get = [](void* first, int32_t i, void*, size_t bytes) {
    return static_cast<const void*>(static_cast<const uint8_t*>(first) +
                                    i * bytes);
  };
  return {const_cast<float*>(x.data()), get};
}

}  // namespace

Status Trainer::RequiredArena(Span<const uint8_t> model, size_t* bytes) {
  Model opened;
  const Status status = Model::Open(model, &opened);
  *bytes = status.ok() ? opened.arena_bytes() : 0;
  return status;
}

Status Trainer::Create(Span<const uint8_t> model, Span<uint8_t> arena,
                       Trainer* trainer, const Limits& limits,
                       const Executor* executor) {
  *trainer = Trainer();
  trainer->executor_ = executor;
  Status status = Model::Open(model, &trainer->model_);
  if (!status.ok()) return status;
  const auto address = reinterpret_cast<uintptr_t>(arena.data());
  if (address % kArenaAlignment != 0) {
    return Error(StatusCode::kArenaMisaligned, "arena", kArenaAlignment,
                 address % kArenaAlignment);
  }
  const int32_t wanted = trainer->model_.arena_bytes();
  if (arena.size() < static_cast<size_t>(wanted)) {
    return Error(StatusCode::kArenaTooSmall, "arena", wanted, arena.size());
  }
  if (Overlap(model.data(), model.size(), arena.data(), arena.size())) {
    return BadArgument("arena_overlaps_model", 0, 1);
  }
  trainer->arena_ = {arena.data(), static_cast<size_t>(wanted)};

  FindOps(&trainer->model_);
  status = CheckSignatures(trainer->model_, trainer->arena_,
                           limits.work_per_call, &trainer->init_subgraph_);
  if (!status.ok()) return status;
  trainer->created_ = true;
  status = trainer->Reset();
  trainer->created_ = status.ok();
  return status;
}

[[gnu::always_inline]] inline Status Trainer::RunSubgraphAt(
    int32_t index, const Subgraph& subgraph, const float* loss) const {
  if (executor_ == nullptr) return RunSubgraph(model_, subgraph, arena_, loss);
  return executor_->run(executor_->context, index, subgraph, loss);
}

Status Trainer::Reset() {
  if (!created_) return NotCreated();
  if (!arena_.empty()) std::memset(arena_.data(), 0, arena_.size());
  if (init_subgraph_ < 0) return {};
  Subgraph init;
  const Status status = GetInitSubgraph(model_, init_subgraph_, &init);
  if (!status.ok()) return status;
  return RunSubgraphAt(init_subgraph_, init, /*loss=*/nullptr);
}

Status Trainer::Run(const char* signature, const float* loss,
                    const SampleSource* source) const {
  Signature found;
  Subgraph subgraph;
  Status status = model_.GetSignature(signature, &found);
  if (status.ok()) status = model_.GetSubgraph(found.subgraph, &subgraph);
  if (!status.ok()) return status;
  subgraph.source = source;
  return RunSubgraphAt(found.subgraph, subgraph, loss);
}

Status Trainer::Input(const char* signature, const char* name,
                      Tensor* tensor) const {
  if (!created_) return NotCreated();
  return GetEnd(model_, arena_, signature, Side::kInput, name, tensor);
}

Status Trainer::Output(const char* signature, const char* name,
                       Tensor* tensor) const {
  if (!created_) return NotCreated();
  return GetEnd(model_, arena_, signature, Side::kOutput, name, tensor);
}

size_t Trainer::InputElements(const char* signature, const char* name) const {
  Tensor tensor;
  return Input(signature, name, &tensor).ok() ? tensor.elements : 0;
}

size_t Trainer::OutputElements(const char* signature, const char* name) const {
  Tensor tensor;
  return Output(signature, name, &tensor).ok() ? tensor.elements : 0;
}

Status Trainer::TrainInPlace(float* loss) {
  Tensor x, y;
  Status status = Input(kTrain, kX, &x);
  if (status.ok()) status = Input(kTrain, kY, &y);
  if (!status.ok()) return status;
  if (!x.is_in_arena()) return BadArgument("train_input", 1, 0);
  status = CheckFloats(x, kX);
  if (status.ok()) status = CheckFloats(y, kY);
  return status.ok() ? TrainStep(nullptr, loss) : status;
}

Status Trainer::TrainStep(const SampleSource* x, float* loss) {
  if (loss == nullptr) return BadArgument(kLoss, 1, 0);
  Tensor computed;
  Status status = Output(kTrain, kLoss, &computed);
  if (!status.ok()) return status;
  status = Run(kTrain, computed.floats(), x);
  if (status.ok()) {
    *loss = *computed.floats();
    return status;
  }
  const int32_t begin = model_.accumulator_begin();
  const int32_t bytes = model_.variable_bytes() - begin;
  if (bytes > 0) {
    // Sums of half a batch: of no use, and no longer a momentum.
    std::memset(arena_.data() + begin, 0, bytes);
    status.code = StatusCode::kMomentumLost;
  }
  return status;
}

Status Trainer::CopyLabels(const void* y, size_t elements, TensorType type) {
  Tensor wanted;
  Status status = Input(kTrain, kY, &wanted);
  if (status.ok()) status = CheckSize(y, elements, wanted, kY);
  if (!status.ok()) return status;
  status = CheckType(wanted, type, kY);
  if (!status.ok()) return status;
  std::memmove(wanted.data, y, wanted.bytes);
  return CheckFloats(wanted, kY);
}

Status Trainer::TrainOn(Span<const float> x, const void* y, size_t y_elements,
                        TensorType y_type, float* loss) {
  Tensor wanted;
  Status status = Input(kTrain, kX, &wanted);
  if (status.ok()) status = CheckSize(x.data(), x.size(), wanted, kX);
  if (!status.ok()) return status;
  status = CheckType(wanted, TensorType::kFloat32, kX);
  if (!status.ok()) return status;
  if (!wanted.is_in_arena()) {
    status = CheckFinite(x.data(), x.size(), kX);
    if (!status.ok()) return status;
    return TrainOn(InMemory(x), y, y_elements, y_type, loss);
  }
  std::memmove(wanted.data, x.data(), wanted.bytes);
  status = CopyLabels(y, y_elements, y_type);
  return status.ok() ? TrainInPlace(loss) : status;
}

Status Trainer::TrainOn(const SampleSource& x, const void* y, size_t y_elements,
                        TensorType y_type, float* loss) {
  Tensor wanted;
  Status status = Input(kTrain, kX, &wanted);
  if (status.ok()) status = CopyLabels(y, y_elements, y_type);
  if (!status.ok()) return status;
  if (x.get == nullptr) return BadArgument("sample_source", 1, 0);
  if (!wanted.is_in_arena()) return TrainStep(&x, loss);
  const int32_t batch = wanted.dims[0];
  const int32_t bytes = wanted.bytes / batch;
  for (int32_t i = 0; i < batch; ++i) {
    uint8_t* const to = wanted.data + i * bytes;
    const void* sample = x.get(x.context, i, to, bytes);
    if (sample == nullptr) return BadArgument("sample", 1, i);
    if (sample != to) std::memcpy(to, sample, bytes);
  }
  return TrainInPlace(loss);
}

Status Trainer::Train(const SampleSource& x, Span<const int32_t> y,
                      float* loss) {
  return TrainOn(x, y.data(), y.size(), TensorType::kInt32, loss);
}

Status Trainer::Train(const SampleSource& x, Span<const float> y, float* loss) {
  return TrainOn(x, y.data(), y.size(), TensorType::kFloat32, loss);
}

Status Trainer::Train(Span<const float> x, Span<const int32_t> y, float* loss) {
  return TrainOn(x, y.data(), y.size(), TensorType::kInt32, loss);
}

Status Trainer::Train(Span<const float> x, Span<const float> y, float* loss) {
  return TrainOn(x, y.data(), y.size(), TensorType::kFloat32, loss);
}

Span<float> Trainer::TrainInput() {
  Tensor x;
  if (!Input(kTrain, kX, &x).ok() || !x.is_in_arena()) return {};
  return {x.floats(), static_cast<size_t>(x.elements)};
}

Span<int32_t> Trainer::TrainLabels() {
  Tensor y;
  if (!Input(kTrain, kY, &y).ok()) return {};
  if (y.type != TensorType::kInt32) return {};
  return {y.ints(), static_cast<size_t>(y.elements)};
}

Span<float> Trainer::TrainTargets() {
  Tensor y;
  if (!Input(kTrain, kY, &y).ok()) return {};
  if (y.type != TensorType::kFloat32) return {};
  return {y.floats(), static_cast<size_t>(y.elements)};
}

Status Trainer::Infer(Span<const float> x, Span<float> output) {
  Tensor wanted;
  Status status = Input(kInfer, kX, &wanted);
  if (status.ok()) status = CheckSize(x.data(), x.size(), wanted, kX);
  if (status.ok()) status = CheckType(wanted, TensorType::kFloat32, kX);
  if (status.ok()) status = CheckFinite(x.data(), x.size(), kX);
  if (!status.ok()) return status;
  const SampleSource source = InMemory(x);
  return Infer(source, output);
}

Status Trainer::Infer(const SampleSource& x, Span<float> output) {
  Tensor wanted, computed;
  Status status = Input(kInfer, kX, &wanted);
  if (status.ok()) status = Output(kInfer, kOutput, &computed);
  if (status.ok()) {
    status = CheckSize(output.data(), output.size(), computed, kOutput);
  }
  if (!status.ok()) return status;
  if (x.get == nullptr) return BadArgument("sample_source", 1, 0);
  if (wanted.is_in_arena()) {
    const void* sample = x.get(x.context, 0, wanted.data, wanted.bytes);
    if (sample == nullptr) return BadArgument("sample", 1, 0);
    std::memmove(wanted.data, sample, wanted.bytes);
  }
  status = Run(kInfer, /*loss=*/nullptr, &x);
  if (status.ok()) {
    std::memmove(output.data(), computed.data, computed.bytes);
  }
  return status;
}

bool Trainer::FetchesSamples() const {
  Tensor x;
  return Input(kTrain, kX, &x).ok() && !x.is_in_arena();
}

size_t Trainer::ArenaUsed() const {
  return created_ ? static_cast<size_t>(model_.arena_bytes()) : 0;
}

}  // namespace biotrain
