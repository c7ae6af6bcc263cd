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

Status CheckMemory(Span<const uint8_t> model, Span<uint8_t> memory,
                   int32_t wanted) {
  const auto address = reinterpret_cast<uintptr_t>(memory.data());
  if (address % kArenaAlignment != 0) {
    return Error(StatusCode::kArenaMisaligned, "arena", kArenaAlignment,
                 address % kArenaAlignment);
  }
  if (memory.size() < static_cast<size_t>(wanted)) {
    return Error(StatusCode::kArenaTooSmall, "arena", wanted, memory.size());
  }
  if (Overlap(model.data(), model.size(), memory.data(), memory.size())) {
    return BadArgument("arena_overlaps_model", 0, 1);
  }
  return {};
}

}  // namespace

Status Trainer::RequiredArena(Span<const uint8_t> model, size_t* bytes) {
  Model opened;
  const Status status = Model::Open(model, &opened);
  *bytes = status.ok() ? opened.arena_bytes() : 0;
  return status;
}

Status Trainer::RequiredRegion(Span<const uint8_t> model, size_t i,
                               size_t* bytes) {
  Model opened;
  const Status status = Model::Open(model, &opened);
  *bytes = 0;
  if (!status.ok()) return status;
  if (opened.has_regions()) {
    const Span<const int32_t> sizes = opened.regions().bytes;
    if (i < sizes.size()) *bytes = sizes[i];
  } else if (i == 0) {
    *bytes = opened.arena_bytes();
  }
  return status;
}

Status Trainer::Create(Span<const uint8_t> model, Span<uint8_t> arena,
                       Trainer* trainer, const Limits& limits,
                       const Executor* executor) {
  return Create(model, Span<const Span<uint8_t>>(&arena, 1), trainer, limits,
                executor);
}

Status Trainer::Create(Span<const uint8_t> model,
                       Span<const Span<uint8_t>> regions, Trainer* trainer,
                       const Limits& limits, const Executor* executor) {
  *trainer = Trainer();
  trainer->executor_ = executor;
  Status status = Model::Open(model, &trainer->model_);
  if (!status.ok()) return status;
  const Model& opened = trainer->model_;
  if (regions.size() == 1) {
    status = CheckMemory(model, regions[0], opened.arena_bytes());
    return status.ok() ? trainer->Start(regions[0], limits) : status;
  }
  const size_t count = opened.has_regions() ? opened.regions().bytes.size() : 1;
  if (regions.size() != count) {
    return BadArgument("regions", count, regions.size());
  }
  const RegionTable table = opened.regions();
  for (size_t i = 0; i < count; ++i) {
    status = CheckMemory(model, regions[i], table.bytes[i]);
    if (!status.ok()) return status;
    for (size_t k = 0; k < i; ++k) {
      if (Overlap(regions[i].data(), regions[i].size(), regions[k].data(),
                  regions[k].size())) {
        return BadArgument("regions_overlap", k, i);
      }
    }
  }
  return trainer->Start(Arena(table, regions), limits);
}

Status Trainer::Start(const Arena& arena, const Limits& limits) {
  arena_ = arena;
  FindOps(&model_);
  Status status =
      CheckSignatures(model_, arena_, limits.work_per_call, &init_subgraph_);
  if (!status.ok()) return status;
  created_ = true;
  status = Reset();
  created_ = status.ok();
  return status;
}

[[gnu::always_inline]] inline Status Trainer::RunSubgraphAt(
    int32_t index, const Subgraph& subgraph, const float* loss) const {
  if (executor_ == nullptr) return RunSubgraph(model_, subgraph, arena_, loss);
  return executor_->run(executor_->context, index, subgraph, loss);
}

Status Trainer::Reset() {
  if (!created_) return NotCreated();
  arena_.Clear(0, model_.arena_bytes());
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
    arena_.Clear(begin, begin + bytes);
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

Span<uint8_t> Trainer::Scratch() const {
  Span<uint8_t> longest;
  const int32_t end = created_ ? model_.arena_bytes() : 0;
  int32_t begin =
      (model_.variable_bytes() + kArenaAlignment - 1) & ~(kArenaAlignment - 1);
  while (begin < end) {
    const Span<uint8_t> piece = arena_.Piece(begin, end);
    if (piece.size() > longest.size()) longest = piece;
    begin += static_cast<int32_t>(piece.size());
  }
  return longest;
}

}  // namespace biotrain
