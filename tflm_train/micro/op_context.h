// SPDX-License-Identifier: Apache-2.0
// What an op function sees: its tensors, its options, and where to say that
// something is wrong.
//
// An op function first asks for everything it needs and checks it, then stops
// unless op.Ready(), then calls a kernel. The first complaint is kept and the
// later ones are dropped, so checks need no early return, as long as nothing
// divides or indexes by a number that was complained about. Trainer::Create
// calls the function in check mode, where Ready() is always false; tensor data
// may be read there only of constants.
#ifndef TFLM_TRAIN_MICRO_OP_CONTEXT_H_
#define TFLM_TRAIN_MICRO_OP_CONTEXT_H_

#include <cstdint>

#include "tflm_train/micro/flatbuffer.h"
#include "tflm_train/micro/flexbuffer.h"
#include "tflm_train/micro/model.h"
#include "tflm_train/micro/schema.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"
#include "tflm_train/micro/tensor.h"

namespace biotrain {

// Which overlaps of an output with an input a kernel can bear.
enum class InPlace : uint8_t {
  kNever,        // none
  kElementwise,  // an output may be exactly an input of the same size
  kLastInput,    // only the first output, and only over the last input
  kCopy,         // any: the op only moves bytes, by memmove
  kLoop,         // what its body's ops can bear
  kFetch,        // its outputs are one and the same
  kNothing,      // any: the op is there to be checked
};

class OpContext {
 public:
  // For operator `op_index` of the subgraph, which has been found sound.
  OpContext(const Model& model, const Subgraph& subgraph, int32_t op_index,
            const Arena& arena, bool check_only);

  // The parameter that tells ops apart that share a function.
  void set_variant(uint8_t variant) { variant_ = variant; }
  template <typename T>
  T variant() const {
    return static_cast<T>(variant_);
  }

  // A run on others in the place of the op's own: all inputs, then all outputs.
  void set_tensors(const Tensor* tensors) { tensors_ = tensors; }

  int inputs() const { return static_cast<int>(inputs_.size()); }
  int outputs() const { return static_cast<int>(outputs_.size()); }
  bool HasInput(int i) const { return i < inputs() && inputs_[i] >= 0; }

  // Tensors with at least one element; no resource, unless asked for by type,
  // nor counts in bytes.
  Tensor Input(int i);
  Tensor InputOfAnyType(int i);
  Tensor Input(int i, TensorType type);
  Tensor Input(int i, TensorType type, int rank);
  Tensor Output(int i);
  Tensor OutputOfAnyType(int i);
  Tensor Output(int i, TensorType type);
  Tensor Output(int i, TensorType type, int rank);
  // A tensor of any type anywhere: what loops hand on, and what Fetch finds.
  Tensor End(int32_t index) { return Get(index, "end"); }

  // A constant int32 vector (or scalar) of at most `limit` values; returns
  // how many, or 0 after a complaint.
  int ConstantInts(int i, int limit, int32_t* values);
  int32_t ConstantInt(int i);

  // Builtin options; fields that are absent read as their default.
  Table options() const {
    return subgraph_.operators[op_index_].Child(schema::op::kBuiltinOptions);
  }
  // Options of custom ops: missing ones are complained about.
  int32_t IntOption(const char* key);
  int32_t OptionalInt(const char* key, int32_t otherwise);
  float FloatOption(const char* key);
  double DoubleOption(const char* key);
  bool BoolOption(const char* key);
  Text StringOption(const char* key);

  // Complains unless `condition`. Returns whether all is well so far.
  [[gnu::always_inline]] bool Expect(bool condition, StatusCode code,
                                     const char* what, int64_t wanted = 0,
                                     int64_t found = 0) {
    if (!condition) Complain(code, what, wanted, found);
    return ok();
  }
  [[gnu::always_inline]] bool ExpectShape(bool condition, const char* what,
                                          int64_t wanted = 0,
                                          int64_t found = 0) {
    return Expect(condition, StatusCode::kBadShape, what, wanted, found);
  }
  bool ExpectSameShape(const Tensor& a, const Tensor& b, const char* what);
  // A vector of `size` elements.
  bool ExpectVector(const Tensor& tensor, int32_t size, const char* what);

  // Adds to the estimate of what a run of the op costs, in multiply-adds.
  [[gnu::always_inline]] void CountWork(int64_t multiply_adds) {
    if (check_only_) AddWork(multiply_adds);
  }
  int64_t work() const { return work_; }

  // Of a call, while it is checked.
  void set_work_limit(int64_t limit) { work_limit_ = limit; }
  int64_t work_limit() const { return work_limit_; }

  bool ok() const { return status_.ok(); }
  bool Ready() const { return ok() && !check_only_; }
  bool check_only() const { return check_only_; }
  Status& status() { return status_; }

  // Complains if outputs overlap one another, or an input in a way the kernel
  // cannot bear, or variable memory before the commit.
  void CheckMemory(InPlace in_place);

  // Whether this op may write variable memory.
  bool MayCommit() const { return subgraph_.MayCommit(op_index_); }
  // Whether it may write there.
  bool MayWrite(const Tensor& place) const {
    return MayCommit() ||
           place.offset >= (subgraph_.accumulates ? model_.accumulator_begin()
                                                  : model_.variable_bytes());
  }
  int32_t commit_op() const { return subgraph_.commit_op; }
  int32_t op_index() const { return op_index_; }

  const Model& model() const { return model_; }
  const Subgraph& subgraph() const { return subgraph_; }
  const Arena& arena() const { return arena_; }
  // Tensor numbers in the subgraph.
  Span<const int32_t> input_indices() const { return inputs_; }
  Span<const int32_t> output_indices() const { return outputs_; }

  int32_t subgraph_count() const { return model_.subgraph_count(); }
  int32_t variable_bytes() const { return model_.variable_bytes(); }

 private:
  // Not inline, for the size of the program.
  void Complain(StatusCode code, const char* what, int64_t wanted,
                int64_t found);
  void AddWork(int64_t multiply_adds);
  const FlexMap& CustomOptions();

  Tensor Get(int32_t index, const char* what);
  void GetInput(int i, Tensor* tensor);
  void GetOutput(int i, Tensor* tensor);
  void ExpectType(const Tensor& tensor, TensorType type, const char* what);
  void ExpectData(const Tensor& tensor, const char* what);
  void ExpectBytes(const Tensor& tensor, const char* what);

  const Model& model_;
  const Subgraph& subgraph_;
  const int32_t op_index_;
  const Arena& arena_;
  const bool check_only_;
  uint8_t variant_ = 0;
  Span<const int32_t> inputs_;
  Span<const int32_t> outputs_;
  const Tensor* tensors_ = nullptr;
  FlexMap custom_options_;  // not present before one is asked for
  int64_t work_ = 0;
  int64_t work_limit_ = 0;
  Status status_;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_OP_CONTEXT_H_
