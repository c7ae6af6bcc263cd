// SPDX-License-Identifier: Apache-2.0
// Writes small TFLite models for tests, without a heap.
#ifndef TFLM_TRAIN_MICRO_TEST_MODEL_H_
#define TFLM_TRAIN_MICRO_TEST_MODEL_H_

#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "tflm_train/micro/schema.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/tensor.h"
#include "tflm_train/micro/test_writers.h"

namespace biotrain {

// A model of a few subgraphs, described first and written by Finish().
class TestModel {
 public:
  struct Field {
    int id;
    int32_t value;
  };
  struct End {
    const char* name;
    int tensor;
  };

  // Everything added later belongs to it.
  void BeginSubgraph(int commit_op = -1) {
    subgraphs_[subgraph_count_++] = {tensor_count_, op_count_, commit_op};
  }
  // The index within the subgraph; an offset of -1 means nowhere.
  int Tensor(std::initializer_list<int32_t> shape, int32_t offset,
             TensorType type = TensorType::kFloat32) {
    TensorEntry& tensor = tensors_[tensor_count_];
    tensor = {{}, static_cast<int>(shape.size()), type, offset, nullptr, 0};
    int d = 0;
    for (const int32_t dim : shape) tensor.shape[d++] = dim;
    return tensor_count_++ - subgraphs_[subgraph_count_ - 1].first_tensor;
  }
  // The values must live until Finish().
  template <typename T>
  int Constant(std::initializer_list<int32_t> shape, const T* values,
               int count) {
    static_assert(sizeof(T) == 4, "float or int32_t");
    const bool whole = static_cast<T>(0.5f) == T(0);
    const int index =
        Tensor(shape, -1, whole ? TensorType::kInt32 : TensorType::kFloat32);
    tensors_[tensor_count_ - 1].data = values;
    tensors_[tensor_count_ - 1].data_bytes = count * 4;
    return index;
  }
  void Op(int builtin, std::initializer_list<int32_t> inputs,
          std::initializer_list<int32_t> outputs,
          std::initializer_list<Field> options = {}) {
    OpEntry& op = ops_[op_count_++];
    op = {};
    op.builtin = builtin;
    for (const int32_t i : inputs) op.inputs[op.input_count++] = i;
    for (const int32_t o : outputs) op.outputs[op.output_count++] = o;
    for (const Field& field : options) op.options[op.option_count++] = field;
  }
  void CustomOp(const char* name, std::initializer_list<int32_t> inputs,
                std::initializer_list<int32_t> outputs,
                Span<const uint8_t> options) {
    Op(32, inputs, outputs);
    ops_[op_count_ - 1].name = name;
    ops_[op_count_ - 1].custom = options;
  }
  void Signature(const char* key, std::initializer_list<End> inputs,
                 std::initializer_list<End> outputs) {
    SignatureEntry& signature = signatures_[signature_count_++];
    signature = {key, subgraph_count_ - 1, {}, 0, {}, 0};
    for (const End& e : inputs) signature.inputs[signature.input_count++] = e;
    for (const End& e : outputs) {
      signature.outputs[signature.output_count++] = e;
    }
  }

  // The plan's table of regions, which must live until Finish(): see
  // docs/format.md.
  void SetRegions(Span<const int32_t> table) { regions_ = table; }

  Span<uint8_t> Finish(int32_t arena_bytes, int32_t variable_bytes) {
    FlatWriter& w = writer_;
    w.Reserve(8);
    std::memcpy(w.bytes().data() + 4, schema::kIdentifier, 4);
    const uint32_t model = w.Table(8);
    w.Link(0, model);
    w.Set(model, schema::model::kVersion, schema::kVersion);
    WriteOpCodes(model);
    WriteSubgraphs(model);
    WriteBuffers(model, arena_bytes, variable_bytes);
    w.LinkNext(model, schema::model::kMetadata);
    const uint32_t metadata = w.Words(1, nullptr);
    const uint32_t entry = w.Table(2);
    w.Link(metadata, entry);
    w.Set(entry, schema::metadata::kBuffer, 1);
    WriteText(entry, schema::metadata::kName, "biotrain_plan");
    WriteSignatures(model);
    return w.bytes();
  }

 private:
  static constexpr int kMax = 48;

  struct TensorEntry {
    int32_t shape[8];
    int rank;
    TensorType type;
    int32_t offset;
    const void* data;
    int data_bytes;
  };
  struct OpEntry {
    int builtin;
    const char* name;
    int32_t inputs[8];
    int input_count;
    int32_t outputs[8];
    int output_count;
    Field options[8];
    int option_count;
    Span<const uint8_t> custom;
  };
  struct SubgraphEntry {
    int first_tensor;
    int first_op;
    int32_t commit_op;
  };
  struct SignatureEntry {
    const char* key;
    int subgraph;
    End inputs[4];
    int input_count;
    End outputs[4];
    int output_count;
  };

  int EndOf(int subgraph, int SubgraphEntry::*first, int count) const {
    return subgraph + 1 < subgraph_count_ ? subgraphs_[subgraph + 1].*first
                                          : count;
  }
  int TensorEnd(int i) const {
    return EndOf(i, &SubgraphEntry::first_tensor, tensor_count_);
  }
  int OpEnd(int i) const {
    return EndOf(i, &SubgraphEntry::first_op, op_count_);
  }

  void WriteText(uint32_t table, int field, const char* text) {
    writer_.LinkNext(table, field);
    writer_.Bytes(TextBytes(text), text);
  }
  void WriteOpCodes(uint32_t model) {
    writer_.LinkNext(model, schema::model::kOperatorCodes);
    const uint32_t codes = writer_.Words(op_count_, nullptr);
    for (int i = 0; i < op_count_; ++i) {
      const uint32_t code = writer_.Table(4);
      writer_.Link(codes + 4 * i, code);
      writer_.Set(code, schema::op_code::kBuiltinCode, ops_[i].builtin);
      if (ops_[i].name != nullptr) {
        WriteText(code, schema::op_code::kCustomCode, ops_[i].name);
      }
    }
  }
  void WriteSubgraphs(uint32_t model) {
    writer_.LinkNext(model, schema::model::kSubgraphs);
    const uint32_t subgraphs = writer_.Words(subgraph_count_, nullptr);
    for (int i = 0; i < subgraph_count_; ++i) {
      const uint32_t table = writer_.Table(4);
      writer_.Link(subgraphs + 4 * i, table);
      writer_.LinkNext(table, schema::subgraph::kTensors);
      const int first = subgraphs_[i].first_tensor;
      const int end = TensorEnd(i);
      const uint32_t tensors = writer_.Words(end - first, nullptr);
      for (int t = first; t < end; ++t) {
        WriteTensor(tensors + 4 * (t - first), t);
      }
      writer_.LinkNext(table, schema::subgraph::kOperators);
      const int first_op = subgraphs_[i].first_op;
      const uint32_t ops = writer_.Words(OpEnd(i) - first_op, nullptr);
      for (int o = first_op; o < OpEnd(i); ++o) {
        WriteOp(ops + 4 * (o - first_op), o);
      }
    }
  }
  void WriteTensor(uint32_t slot, int t) {
    const TensorEntry& tensor = tensors_[t];
    const uint32_t table = writer_.Table(3);
    writer_.Link(slot, table);
    writer_.Set(table, schema::tensor::kType, static_cast<int>(tensor.type));
    // Buffer 0 is empty, 1 is the plan, then one a tensor.
    writer_.Set(table, schema::tensor::kBuffer,
                tensor.data != nullptr ? 2 + t : 0);
    writer_.LinkNext(table, schema::tensor::kShape);
    writer_.Words(tensor.rank, tensor.shape);
  }
  void WriteOp(uint32_t slot, int o) {
    const OpEntry& op = ops_[o];
    const uint32_t table = writer_.Table(6);
    writer_.Link(slot, table);
    writer_.Set(table, schema::op::kOpcodeIndex, o);
    writer_.LinkNext(table, schema::op::kInputs);
    writer_.Words(op.input_count, op.inputs);
    writer_.LinkNext(table, schema::op::kOutputs);
    writer_.Words(op.output_count, op.outputs);
    if (op.option_count > 0) {
      const uint32_t options = writer_.Table(8);
      writer_.Link(table, schema::op::kBuiltinOptions, options);
      for (int i = 0; i < op.option_count; ++i) {
        writer_.Set(options, op.options[i].id, op.options[i].value);
      }
    }
    if (!op.custom.empty()) {
      writer_.LinkNext(table, schema::op::kCustomOptions);
      writer_.Bytes(op.custom.size(), op.custom.data());
    }
  }
  void WriteBuffers(uint32_t model, int32_t arena_bytes,
                    int32_t variable_bytes) {
    writer_.LinkNext(model, schema::model::kBuffers);
    const uint32_t buffers = writer_.Words(2 + tensor_count_, nullptr);
    writer_.Link(buffers, writer_.Table(1));
    int32_t plan[5 + 3 * 8 + 2 * kMax] = {regions_.empty() ? 3 : 4, arena_bytes,
                                          variable_bytes, variable_bytes,
                                          subgraph_count_};
    int words = 5;
    for (const int32_t word : regions_) plan[words++] = word;
    for (int i = 0; i < subgraph_count_; ++i) {
      const int first = subgraphs_[i].first_tensor;
      plan[words++] = TensorEnd(i) - first;
      plan[words++] = subgraphs_[i].commit_op;
      plan[words++] = 0;  // slices
      for (int t = first; t < TensorEnd(i); ++t) {
        plan[words++] = tensors_[t].offset;
      }
    }
    WriteBuffer(buffers + 4, plan, words * 4);
    for (int t = 0; t < tensor_count_; ++t) {
      WriteBuffer(buffers + 8 + 4 * t, tensors_[t].data,
                  tensors_[t].data_bytes);
    }
  }
  void WriteBuffer(uint32_t slot, const void* data, int bytes) {
    const uint32_t buffer = writer_.Table(1);
    writer_.Link(slot, buffer);
    if (data == nullptr) return;
    writer_.LinkNext(buffer, schema::buffer::kData);
    writer_.Bytes(bytes, data);
  }
  void WriteSignatures(uint32_t model) {
    writer_.LinkNext(model, schema::model::kSignatureDefs);
    const uint32_t signatures = writer_.Words(signature_count_, nullptr);
    for (int i = 0; i < signature_count_; ++i) {
      const SignatureEntry& signature = signatures_[i];
      const uint32_t table = writer_.Table(5);
      writer_.Link(signatures + 4 * i, table);
      writer_.Set(table, schema::signature::kSubgraphIndex, signature.subgraph);
      WriteText(table, schema::signature::kKey, signature.key);
      WriteEnds(table, schema::signature::kInputs, signature.inputs,
                signature.input_count);
      WriteEnds(table, schema::signature::kOutputs, signature.outputs,
                signature.output_count);
    }
  }
  void WriteEnds(uint32_t table, int field, const End* ends, int count) {
    writer_.LinkNext(table, field);
    const uint32_t entries = writer_.Words(count, nullptr);
    for (int i = 0; i < count; ++i) {
      const uint32_t entry = writer_.Table(2);
      writer_.Link(entries + 4 * i, entry);
      writer_.Set(entry, schema::tensor_map::kTensorIndex, ends[i].tensor);
      WriteText(entry, schema::tensor_map::kName, ends[i].name);
    }
  }

  FlatWriter writer_;
  Span<const int32_t> regions_;
  TensorEntry tensors_[kMax];
  int tensor_count_ = 0;
  OpEntry ops_[kMax];
  int op_count_ = 0;
  SubgraphEntry subgraphs_[8];
  int subgraph_count_ = 0;
  SignatureEntry signatures_[4];
  int signature_count_ = 0;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_TEST_MODEL_H_
