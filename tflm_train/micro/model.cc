// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/model.h"

#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace {

constexpr char kPlanName[] = "biotrain_plan";
constexpr int32_t kPlanVersion = 3;
constexpr size_t kPlanHeaderWords = 5;
constexpr size_t kSubgraphHeaderWords = 3;
constexpr size_t kSliceWords = 1 + kMaxLoops;
// Offsets from here down are numbers of slices, and not places.
constexpr int32_t kFirstSlice = -2;

// Far above any real model; searches by name stay short.
constexpr int32_t kMaxSubgraphs = 256;
constexpr int32_t kMaxEntries = 512;

Status NoPlan(const char* what, int64_t wanted, int64_t found) {
  return Error(StatusCode::kNoPlan, what, wanted, found);
}

Status BadModel(const char* what, int64_t wanted, int64_t found) {
  return Error(StatusCode::kBadModel, what, wanted, found);
}

// Bytes of an element; -1 for types the runner does not have.
int32_t ElementBytes(TensorType type) {
  switch (type) {
    case TensorType::kFloat32:
    case TensorType::kInt32:
      return 4;
    case TensorType::kInt16:
      return 2;
    case TensorType::kBool:
    case TensorType::kUint8:
      return 1;
    case TensorType::kResource:
      return 0;  // the size of the variable is known to its readers
  }
  return -1;
}

Status ReadShape(const Table& table, Tensor* tensor) {
  const Span<const int32_t> shape = table.Ints(schema::tensor::kShape);
  if (shape.size() > kMaxRank) {
    return Error(StatusCode::kBadShape, "rank", kMaxRank, shape.size());
  }
  tensor->rank = static_cast<int>(shape.size());
  int64_t elements = 1;
  for (int i = 0; i < tensor->rank; ++i) {
    if (shape[i] < 0) return Error(StatusCode::kBadShape, "dim", 0, shape[i]);
    tensor->dims[i] = shape[i];
    elements *= shape[i];  // both factors are below 2^31
    if (elements > INT32_MAX) {
      return Error(StatusCode::kBadShape, "elements", INT32_MAX, elements);
    }
  }
  tensor->elements = static_cast<int32_t>(elements);
  return {};
}

}  // namespace

const Tensor kNoTensor;

Status Model::Open(Span<const uint8_t> file, Model* model) {
  if (reinterpret_cast<uintptr_t>(file.data()) % 4 != 0) {
    return Error(StatusCode::kBadArgument, "model_alignment", 4,
                 reinterpret_cast<uintptr_t>(file.data()) % 4);
  }
  const Table root = Table::Root(file, schema::kIdentifier);
  if (!root.present()) return BadModel("file_header", 0, file.size());
  const auto version = root.Number<uint32_t>(schema::model::kVersion);
  if (version != schema::kVersion) {
    return BadModel("schema_version", schema::kVersion, version);
  }
  model->file_ = file;
  model->op_codes_ = root.Tables(schema::model::kOperatorCodes);
  model->subgraphs_ = root.Tables(schema::model::kSubgraphs);
  model->buffers_ = root.Tables(schema::model::kBuffers);
  model->metadata_ = root.Tables(schema::model::kMetadata);
  model->signatures_ = root.Tables(schema::model::kSignatureDefs);
  const int32_t subgraphs = model->subgraphs_.size();
  if (subgraphs < 1 || subgraphs > kMaxSubgraphs) {
    return BadModel("subgraphs", kMaxSubgraphs, subgraphs);
  }
  const Status found = model->FindPlan();
  return found.ok() ? model->CheckPlan() : found;
}

Status Model::FindPlan() {
  Table entry;
  for (int32_t i = 0; i < metadata_.size() && i < kMaxEntries; ++i) {
    if (metadata_[i].String(schema::metadata::kName).Equals(kPlanName)) {
      entry = metadata_[i];
      break;
    }
  }
  if (!entry.present()) return NoPlan("metadata", 1, 0);
  const auto buffer = entry.Number<uint32_t>(schema::metadata::kBuffer);
  const Span<const uint8_t> bytes =
      buffers_[buffer].Bytes(schema::buffer::kData);
  constexpr size_t kWord = sizeof(int32_t);
  if (bytes.size() < kPlanHeaderWords * kWord || bytes.size() % kWord != 0 ||
      reinterpret_cast<uintptr_t>(bytes.data()) % kWord != 0) {
    return NoPlan("plan_bytes", kPlanHeaderWords * kWord, bytes.size());
  }
  plan_ = {reinterpret_cast<const int32_t*>(bytes.data()),
           bytes.size() / kWord};
  return {};
}

Status Model::CheckPlan() const {
  if (plan_[0] != kPlanVersion && !has_regions()) {
    return NoPlan("plan_version", kPlanVersion, plan_[0]);
  }
  if (arena_bytes() < 0) return NoPlan("arena_bytes", 0, arena_bytes());
  if (variable_bytes() < 0 || variable_bytes() > arena_bytes()) {
    return NoPlan("variable_bytes", arena_bytes(), variable_bytes());
  }
  if (accumulator_begin() < 0 || accumulator_begin() > variable_bytes()) {
    return NoPlan("accumulators", variable_bytes(), accumulator_begin());
  }
  if (plan_[4] != subgraph_count()) {
    return NoPlan("plan_subgraphs", subgraph_count(), plan_[4]);
  }
  if (has_regions()) {
    RegionTable table;
    const Status read = ReadRegions(
        {plan_.data() + kPlanHeaderWords, plan_.size() - kPlanHeaderWords},
        arena_bytes(), &table);
    if (!read.ok()) return read;
  }
  size_t word = FirstSubgraph();
  for (int32_t i = 0; i < subgraph_count(); ++i) {
    const Table table = subgraphs_[i];
    const int32_t tensors = table.Tables(schema::subgraph::kTensors).size();
    const int32_t ops = table.Tables(schema::subgraph::kOperators).size();
    const size_t left = plan_.size() - word;
    if (left < kSubgraphHeaderWords) {
      return NoPlan("plan_words", word + kSubgraphHeaderWords, plan_.size());
    }
    const int32_t slices = plan_[word + 2];
    if (slices < 0 || slices > tensors) {
      return NoPlan("plan_slices", tensors, slices);
    }
    const size_t words = kSubgraphHeaderWords + tensors + slices * kSliceWords;
    if (left < words) return NoPlan("plan_words", word + words, plan_.size());
    if (plan_[word] != tensors) {
      return NoPlan("plan_tensors", tensors, plan_[word]);
    }
    if (plan_[word + 1] < -1 || plan_[word + 1] > ops) {
      return NoPlan("commit_op", ops, plan_[word + 1]);
    }
    word += words;
  }
  if (word != plan_.size()) return NoPlan("plan_words", word, plan_.size());
  return {};
}

RegionTable Model::regions() const {
  const int32_t* words = plan_.data() + kPlanHeaderWords;
  const auto regions = static_cast<size_t>(words[0]);
  return {{words + 2, regions},
          {words + 2 + regions, static_cast<size_t>(words[1]) * kPieceWords}};
}

size_t Model::FirstSubgraph() const {
  return kPlanHeaderWords + (has_regions() ? regions().words() : 0);
}

Status Model::GetSubgraph(int32_t index, Subgraph* subgraph) const {
  if (index < 0 || index >= subgraph_count()) {
    return BadModel("subgraph_index", subgraph_count(), index);
  }
  size_t word = FirstSubgraph();
  for (int32_t i = 0; i < index; ++i) {
    word += kSubgraphHeaderWords + plan_[word] + plan_[word + 2] * kSliceWords;
  }
  const Table table = subgraphs_[index];
  subgraph->tensors = table.Tables(schema::subgraph::kTensors);
  subgraph->operators = table.Tables(schema::subgraph::kOperators);
  subgraph->inputs = table.Ints(schema::subgraph::kInputs);
  subgraph->outputs = table.Ints(schema::subgraph::kOutputs);
  subgraph->commit_op = plan_[word + 1];
  const size_t tensors = plan_[word];
  const int32_t* offsets = plan_.data() + word + kSubgraphHeaderWords;
  subgraph->offsets = {offsets, tensors};
  subgraph->slices = {offsets + tensors, plan_[word + 2] * kSliceWords};
  return {};
}

Status Model::GetSignature(const char* key, Signature* signature) const {
  for (int32_t i = 0; i < signatures_.size() && i < kMaxEntries; ++i) {
    const Table table = signatures_[i];
    if (!table.String(schema::signature::kKey).Equals(key)) continue;
    const auto subgraph =
        table.Number<uint32_t>(schema::signature::kSubgraphIndex);
    signature->key = key;
    signature->inputs = table.Tables(schema::signature::kInputs);
    signature->outputs = table.Tables(schema::signature::kOutputs);
    if (signature->inputs.size() > kMaxEntries ||
        signature->outputs.size() > kMaxEntries) {
      return BadModel("signature_entries", kMaxEntries,
                      signature->inputs.size());
    }
    if (subgraph >= static_cast<uint32_t>(subgraph_count())) {
      return BadModel("signature_subgraph", subgraph_count(), subgraph);
    }
    signature->subgraph = static_cast<int32_t>(subgraph);
    return {};
  }
  Status missing = Error(StatusCode::kNoSignature, "signature", 1, 0);
  missing.where = key;
  return missing;
}

Status Model::GetOpCode(const Table& op, OpCode* code) const {
  if (!op.present()) return BadModel("operator", 1, 0);
  return GetOpCode(op.Number<uint32_t>(schema::op::kOpcodeIndex), code);
}

Status Model::GetOpCode(uint32_t index, OpCode* code) const {
  const Table table = op_codes_[index];
  if (!table.present())
    return BadModel("opcode_index", op_codes_.size(), index);
  // Writers older than 2020 know the first field only; newer ones set both.
  const int32_t older =
      table.Number<int8_t>(schema::op_code::kDeprecatedBuiltinCode);
  const int32_t newer = table.Number<int32_t>(schema::op_code::kBuiltinCode);
  code->builtin = newer > older ? newer : older;
  code->custom = table.String(schema::op_code::kCustomCode);
  return {};
}

Status Model::GetTensor(const Subgraph& subgraph, int32_t index,
                        const Arena& arena, Tensor* tensor) const {
  *tensor = Tensor();
  const Table table = subgraph.tensors[index];
  if (!table.present()) {
    return BadModel("tensor_index", subgraph.tensors.size(), index);
  }
  // ReadTensor relies on it.
  if (!table.IsSoundVector(schema::tensor::kShape, sizeof(int32_t)) ||
      !table.IsSound(schema::tensor::kType, sizeof(int8_t)) ||
      !table.IsSound(schema::tensor::kBuffer, sizeof(uint32_t))) {
    return BadModel("tensor", 1, 0);
  }
  const auto type = table.Number<int8_t>(schema::tensor::kType);
  tensor->type = static_cast<TensorType>(type);
  const int32_t element_bytes = ElementBytes(tensor->type);
  if (element_bytes < 0) {
    return Error(StatusCode::kBadType, "tensor_type",
                 static_cast<int>(TensorType::kFloat32), type);
  }
  const Status shape = ReadShape(table, tensor);
  if (!shape.ok()) return shape;
  const int64_t bytes = int64_t{tensor->elements} * element_bytes;
  if (bytes > INT32_MAX) {
    return Error(StatusCode::kBadShape, "bytes", INT32_MAX, bytes);
  }
  tensor->bytes = static_cast<int32_t>(bytes);

  const auto buffer = table.Number<uint32_t>(schema::tensor::kBuffer);
  const Table buffer_table = buffers_[buffer];
  const bool nowhere = subgraph.offsets[index] == kNowhere;
  if (nowhere && (!buffer_table.present() ||
                  !buffer_table.IsSoundVector(schema::buffer::kData, 1))) {
    return BadModel("buffer", buffers_.size(), buffer);
  }
  const Span<const uint8_t> constant =
      buffer_table.Bytes(schema::buffer::kData);
  if (!nowhere && !constant.empty()) return BadModel("constant_place", 0, 1);
  if (!constant.empty() || tensor->elements == 0) {
    if (constant.size() != static_cast<size_t>(bytes) || element_bytes == 0) {
      return BadModel("constant_bytes", bytes, constant.size());
    }
    const uintptr_t address = reinterpret_cast<uintptr_t>(constant.data());
    if (address % element_bytes != 0) {
      return BadModel("constant_alignment", element_bytes,
                      address % element_bytes);
    }
    tensor->data = const_cast<uint8_t*>(constant.data());
    return {};
  }
  if (nowhere) {
    tensor->offset = kSample;
    tensor->data = const_cast<uint8_t*>(subgraph.sample);
    return {};
  }
  const Status located = Locate(subgraph, index, tensor);
  if (!located.ok()) return located;
  if (!arena.Holds(tensor->offset, tensor->end)) {
    return NoPlan("region_of_tensor", tensor->offset, tensor->end);
  }
  tensor->data = arena.At(tensor->offset);
  return located;
}

void Model::ReadTensor(const Subgraph& subgraph, int32_t index,
                       const Arena& arena, Tensor* tensor) const {
  const TrustedTable table = subgraph.tensors.Trusted(index);
  const auto shape = table.Vector<int32_t>(schema::tensor::kShape);
  tensor->type =
      static_cast<TensorType>(table.Number<int8_t>(schema::tensor::kType));
  tensor->rank = static_cast<int>(shape.size());
  int32_t elements = 1;
  for (int i = 0; i < tensor->rank; ++i) {
    tensor->dims[i] = shape[i];
    elements *= shape[i];
  }
  tensor->elements = elements;
  tensor->bytes = elements * ElementBytes(tensor->type);
  int32_t offset = subgraph.offsets[index];
  if (offset == kNowhere) {
    const auto buffer = table.Number<uint32_t>(schema::tensor::kBuffer);
    const auto constant =
        buffers_.Trusted(buffer).Vector<uint8_t>(schema::buffer::kData);
    tensor->offset = constant.empty() ? kSample : kConstant;
    tensor->data = const_cast<uint8_t*>(constant.empty() ? subgraph.sample
                                                         : constant.data());
    return;
  }
  if (offset <= kFirstSlice) {
    const int32_t* slice =
        &subgraph
             .slices[static_cast<size_t>(kFirstSlice - offset) * kSliceWords];
    offset = slice[0];
    for (int i = 0; i < kMaxLoops; ++i) {
      offset += slice[1 + i] * subgraph.iterations[i];
    }
  }
  tensor->offset = offset;
  tensor->data = arena.At(offset);
}

Status Model::Locate(const Subgraph& subgraph, int32_t index,
                     Tensor* tensor) const {
  int32_t offset = subgraph.offsets[index];
  int64_t end = 0;
  if (offset <= kFirstSlice) {
    const size_t slice =
        static_cast<size_t>(kFirstSlice - offset) * kSliceWords;
    if (slice >= subgraph.slices.size()) {
      return NoPlan("slice", subgraph.slices.size() / kSliceWords,
                    kFirstSlice - offset);
    }
    const int32_t* words = subgraph.slices.data() + slice;
    const int32_t element = ElementBytes(tensor->type);
    offset = words[0];
    for (int i = 0; i < kMaxLoops; ++i) {
      const int32_t stride = words[1 + i];
      if (stride < 0 || (element > 0 && stride % element != 0)) {
        return NoPlan("stride", element, stride);
      }
      tensor->strides[i] = stride;
      end += int64_t{stride} * (subgraph.counts[i] - 1);
    }
  }
  if (offset < 0 || offset % kArenaAlignment != 0) {
    return NoPlan("offset", kArenaAlignment, offset);
  }
  end += int64_t{offset} + tensor->bytes;
  if (offset >= arena_bytes()) return NoPlan("offset", arena_bytes(), offset);
  if (end > arena_bytes()) return NoPlan("arena_bytes", end, arena_bytes());
  tensor->end = static_cast<int32_t>(end);
  for (int i = 0; i < kMaxLoops; ++i) {
    offset += tensor->strides[i] * subgraph.iterations[i];
  }
  tensor->offset = offset;
  return {};
}

SignatureEntry GetEntry(const TableVector& entries, int32_t i) {
  const Table table = entries[i];
  if (!table.present()) return {};
  return {table.String(schema::tensor_map::kName),
          table.Number<int32_t>(schema::tensor_map::kTensorIndex)};
}

template <typename Name>
int32_t FindEntry(const TableVector& entries, Name name) {
  for (int32_t i = 0; i < entries.size(); ++i) {
    const SignatureEntry entry = GetEntry(entries, i);
    if (entry.name.Equals(name)) return entry.tensor;
  }
  return -1;
}
template int32_t FindEntry(const TableVector&, Text);
template int32_t FindEntry(const TableVector&, const char*);

}  // namespace biotrain
