// SPDX-License-Identifier: Apache-2.0
// What Trainer saves and restores.
#include <algorithm>
#include <cstring>

#include "tflm_train/micro/finite.h"
#include "tflm_train/micro/signatures.h"
#include "tflm_train/micro/trainer.h"

namespace biotrain {
namespace {

Status BadArgument(const char* what, int64_t wanted, int64_t found) {
  return Error(StatusCode::kBadArgument, what, wanted, found);
}

Status NotCreated() { return BadArgument("trainer", 1, 0); }

}  // namespace

size_t Trainer::SaveBytes() const {
  Signature save;
  Subgraph subgraph;
  if (!created_ || !model_.GetSignature(kSave, &save).ok() ||
      !model_.GetSubgraph(save.subgraph, &subgraph).ok()) {
    return 0;
  }
  size_t bytes = 0;
  for (int32_t i = 0; i < save.outputs.size(); ++i) {
    Tensor tensor;
    const int32_t index = GetEntry(save.outputs, i).tensor;
    if (model_.GetTensor(subgraph, index, arena_, &tensor).ok()) {
      bytes += tensor.bytes;
    }
  }
  return bytes;
}

Status Trainer::Save(Span<uint8_t> out) const {
  if (!created_) return NotCreated();
  if (out.size() != SaveBytes()) {
    return BadArgument("save_bytes", SaveBytes(), out.size());
  }
  uint8_t* to = out.data();
  const Visit copy = [](void* context, Span<const uint8_t> bytes) {
    uint8_t*& next = *static_cast<uint8_t**>(context);
    std::memcpy(next, bytes.data(), bytes.size());
    next += bytes.size();
  };
  return SaveEach(copy, &to);
}

Status Trainer::SaveEach(Visit visit, void* context) const {
  if (!created_) return NotCreated();
  Signature save;
  Status status = model_.GetSignature(kSave, &save);
  if (status.ok()) status = Run(kSave, /*loss=*/nullptr);
  Subgraph subgraph;
  if (status.ok()) status = model_.GetSubgraph(save.subgraph, &subgraph);
  for (int32_t i = 0; i < save.outputs.size() && status.ok(); ++i) {
    Tensor tensor;
    const int32_t index = GetEntry(save.outputs, i).tensor;
    status = model_.GetTensor(subgraph, index, arena_, &tensor);
    if (!status.ok()) return status;
    visit(context, {static_cast<const uint8_t*>(tensor.data),
                    static_cast<size_t>(tensor.bytes)});
  }
  return status;
}

// The inputs of restore, in the order of a saved state.
template <typename Visitor>
Status Trainer::ForEachRestored(Visitor visit) const {
  Signature save, restore;
  Subgraph subgraph;
  Status status = model_.GetSignature(kRestore, &restore);
  if (status.ok()) status = model_.GetSignature(kSave, &save);
  if (status.ok()) status = model_.GetSubgraph(restore.subgraph, &subgraph);
  for (int32_t i = 0; i < save.outputs.size() && status.ok(); ++i) {
    Tensor tensor;
    const Text name = GetEntry(save.outputs, i).name;
    const int32_t index = FindEntry(restore.inputs, name);
    status = model_.GetTensor(subgraph, index, arena_, &tensor);
    if (status.ok()) status = visit(tensor);
  }
  return status;
}

Status Trainer::Restore(Span<const uint8_t> in) {
  if (!created_) return NotCreated();
  if (in.size() != SaveBytes()) {
    return BadArgument("restore_bytes", SaveBytes(), in.size());
  }
  const ReadState read = [](void* context, size_t offset, Span<uint8_t> bytes) {
    const auto* from = static_cast<const uint8_t*>(context);
    std::memcpy(bytes.data(), from + offset, bytes.size());
    return true;
  };
  return RestoreEach(read, const_cast<uint8_t*>(in.data()));
}

Status Trainer::RestoreEach(ReadState read, void* context) {
  if (!created_) return NotCreated();
  // All bytes are looked at before the first one is copied, since inputs may
  // lie where the variables are.
  Status status = LookAtState(read, context);
  if (!status.ok()) return status;
  status = CopyState(read, context);
  if (status.ok()) return Run(kRestore, /*loss=*/nullptr);
  const Status reset = Reset();
  return reset.ok() ? status : reset;
}

Status Trainer::LookAtState(ReadState read, void* context) const {
  constexpr size_t kChunkBytes = 256;
  alignas(float) uint8_t chunk[kChunkBytes];
  size_t offset = 0;
  return ForEachRestored([&](const Tensor& tensor) {
    const auto bytes = static_cast<size_t>(tensor.bytes);
    for (size_t done = 0; done < bytes; done += kChunkBytes) {
      const size_t part = std::min(kChunkBytes, bytes - done);
      if (!read(context, offset + done, {chunk, part})) {
        return BadArgument("restore_read", 1, 0);
      }
      if (tensor.type != TensorType::kFloat32) continue;
      Status status = CheckFinite(chunk, part / sizeof(float), "restore");
      if (status.ok()) continue;
      status.found += static_cast<int32_t>(done / sizeof(float));
      return status;
    }
    offset += bytes;
    return Status();
  });
}

Status Trainer::CopyState(ReadState read, void* context) const {
  size_t offset = 0;
  return ForEachRestored([&](const Tensor& tensor) {
    const auto bytes = static_cast<size_t>(tensor.bytes);
    if (!read(context, offset, {tensor.data, bytes})) {
      return BadArgument("restore_read", 1, 0);
    }
    offset += bytes;
    return Status();
  });
}

}  // namespace biotrain
