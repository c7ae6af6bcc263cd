// SPDX-License-Identifier: Apache-2.0
// A TFLite model with its memory plan, read in place.
#ifndef TFLM_TRAIN_MICRO_MODEL_H_
#define TFLM_TRAIN_MICRO_MODEL_H_

#include <cstddef>
#include <cstdint>

#include "tflm_train/micro/flatbuffer.h"
#include "tflm_train/micro/regions.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"
#include "tflm_train/micro/tensor.h"

namespace biotrain {

// Offset of a tensor that the plan gives no place: a constant, the sample of a
// source, or of no use.
constexpr int32_t kNowhere = -1;

// Copied in fewer instructions than a tensor is cleared in.
extern const Tensor kNoTensor;

// Where the samples of a batch come from: flash, a file, an array.
struct SampleSource {
  void* context = nullptr;
  // Sample i of the batch, `bytes` of it: where it lies, or in `buffer` if
  // there is one, which the source may fill. nullptr: there is no such sample.
  // Called as often as the plan needs, in any order.
  const void* (*get)(void* context, int32_t i, void* buffer,
                     size_t bytes) = nullptr;
};

// A subgraph and its part of the plan.
struct Subgraph {
  TableVector tensors;
  TableVector operators;
  Span<const int32_t> inputs;
  Span<const int32_t> outputs;
  Span<const int32_t> offsets;  // one a tensor
  Span<const int32_t> slices;   // offset and strides of each tensor that moves
  int32_t commit_op = -1;  // the first op that may write a variable; -1: none

  // Whether the accumulators may be written before that.
  bool accumulates = false;

  // The loops this is the body of, the outermost first.
  int loops = 0;
  int32_t counts[kMaxLoops] = {1, 1};
  int32_t iterations[kMaxLoops] = {};

  // What Fetch has found, for tensors that the plan gives no place.
  const SampleSource* source = nullptr;
  mutable const uint8_t* sample = nullptr;
  mutable int32_t sample_bytes = 0;

  // Whether op i may write variable memory.
  bool MayCommit(int32_t i) const { return commit_op >= 0 && i >= commit_op; }
};

struct Signature {
  const char* key = "";
  int32_t subgraph = -1;
  TableVector inputs;
  TableVector outputs;
};

struct OpCode {
  int32_t builtin = -1;
  Text custom;
};

class Model {
 public:
  Model() = default;
  // Checks the plan against the model's subgraphs, and nothing else.
  static Status Open(Span<const uint8_t> file, Model* model);

  Span<const uint8_t> file() const { return file_; }
  int32_t arena_bytes() const { return plan_[1]; }
  int32_t variable_bytes() const { return plan_[2]; }
  // Variables from here on a training step may write before its loss is known.
  int32_t accumulator_begin() const { return plan_[3]; }
  int32_t subgraph_count() const { return subgraphs_.size(); }
  // Where its plan has several regions: their sizes, and what lies in them.
  bool has_regions() const { return plan_[0] == kVersionOfRegions; }
  RegionTable regions() const;

  Status GetSubgraph(int32_t index, Subgraph* subgraph) const;
  Status GetSignature(const char* key, Signature* signature) const;
  Status GetOpCode(const Table& op, OpCode* code) const;
  Status GetOpCode(uint32_t index, OpCode* code) const;

  // A tensor with room in the arena or bytes in the file; both are checked,
  // so that `tensor->data` holds `tensor->bytes` bytes, aligned to its type.
  // Of a resource, the place where its variable begins. `arena` holds at
  // least arena_bytes(). A tensor the plan gives no place is the sample that
  // was fetched, and `data` is nullptr before that. In the body of a loop it is
  // the slice of the current iteration.
  Status GetTensor(const Subgraph& subgraph, int32_t index, const Arena& arena,
                   Tensor* tensor) const;
  // The same, of a tensor that GetTensor found, in any iteration; what only
  // checks want, strides and end, is left out.
  void ReadTensor(const Subgraph& subgraph, int32_t index, const Arena& arena,
                  Tensor* tensor) const;

  // Where the ops with an operator code stand in the program's table, so that
  // they are looked up by name but once; -1 if that is not known.
  int OpOfCode(uint32_t code) const {
    return code < kMaxKnownCodes ? op_of_code_[code] - 1 : -1;
  }
  void SetOpOfCode(uint32_t code, int op) {
    if (code < kMaxKnownCodes) op_of_code_[code] = static_cast<uint8_t>(op + 1);
  }
  int32_t op_codes() const { return op_codes_.size(); }

 private:
  static constexpr uint32_t kMaxKnownCodes = 64;
  static constexpr int32_t kVersionOfRegions = 4;

  Status FindPlan();
  Status CheckPlan() const;
  // Where in the plan its subgraphs begin.
  size_t FirstSubgraph() const;
  Status Locate(const Subgraph& subgraph, int32_t index, Tensor* tensor) const;

  Span<const uint8_t> file_;
  TableVector op_codes_;
  TableVector subgraphs_;
  TableVector buffers_;
  TableVector metadata_;
  TableVector signatures_;
  Span<const int32_t> plan_;
  uint8_t op_of_code_[kMaxKnownCodes] = {};
};

// Name and tensor of one input or output of a signature.
struct SignatureEntry {
  Text name;
  int32_t tensor = -1;
};
SignatureEntry GetEntry(const TableVector& entries, int32_t i);
// The tensor of the entry with this name, a Text or a const char*; -1 if there
// is none.
template <typename Name>
int32_t FindEntry(const TableVector& entries, Name name);

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_MODEL_H_
