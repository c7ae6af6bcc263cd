// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/tflm/memory_planner.h"

#include "tflm_train/tflm/training_op.h"

namespace biotrain {
namespace {

constexpr int kAlignment = 16;
constexpr int32_t kHandleBytes = 4;  // what TFLM stores of a resource

int AlignUp(int bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

TrainingMemoryPlanner::TrainingMemoryPlanner(Span<const uint8_t> model)
    : opened_(Model::Open(model, &model_)) {}

TfLiteStatus TrainingMemoryPlanner::Refuse(const Status& status) {
  status_ = status;
  if (status_.where[0] == '\0') status_.where = "TrainingMemoryPlanner";
  LogStatus(status_);
  return kTfLiteError;
}

TfLiteStatus TrainingMemoryPlanner::Init(unsigned char* scratch, int bytes) {
  status_ = {};
  added_ = {};
  asked_ = {};
  tensors_ = buffers_ = 0;
  if (!opened_.ok()) return Refuse(opened_);
  head_ = {scratch, static_cast<size_t>(bytes)};
  end_ = AlignUp(model_.arena_bytes());
  // Whether it fits is TFLM's to say: `scratch` is what its temporaries leave.
  return kTfLiteOk;
}

bool TrainingMemoryPlanner::Advance(Cursor* cursor, Tensor* tensor) {
  for (; cursor->subgraph < model_.subgraph_count(); ++cursor->subgraph) {
    if (cursor->tensor < 0) {
      status_ = model_.GetSubgraph(cursor->subgraph, &cursor->found);
      if (!status_.ok()) return false;
    }
    while (++cursor->tensor < cursor->found.tensors.size()) {
      status_ = model_.GetTensor(cursor->found, cursor->tensor, head_, tensor);
      if (!status_.ok()) return false;
      if (tensor->is_constant() || tensor->elements == 0) continue;
      ++cursor->buffer;
      return true;
    }
    cursor->tensor = -1;
  }
  return false;
}

TfLiteStatus TrainingMemoryPlanner::AddBuffer(int size, int first_used, int) {
  Tensor tensor;
  if (!Advance(&added_, &tensor)) {
    return status_.ok() ? AddScratch(size, first_used) : Refuse(status_);
  }
  ++buffers_;
  ++tensors_;
  const bool handle = tensor.type == TensorType::kResource;
  const int wanted = AlignUp(handle ? kHandleBytes : tensor.bytes);
  if (size == wanted) return kTfLiteOk;
  return Refuse(
      Error(StatusCode::kNoPlan, "buffer_of_another_model", wanted, size));
}

TfLiteStatus TrainingMemoryPlanner::AddBuffer(int size, int first_used,
                                              int last_used, int) {
  return AddBuffer(size, first_used, last_used);
}

TfLiteStatus TrainingMemoryPlanner::AddScratch(int size, int first_used) {
  // TFLM does not know where to write the address of such a buffer: it would
  // write it anywhere.
  if (first_used < 0) {
    return Refuse(
        Error(StatusCode::kNoPlan, "scratch_beyond_subgraph_0", 0, first_used));
  }
  const int scratch = buffers_ - tensors_;
  if (scratch == kMaxScratch) {
    return Refuse(Error(StatusCode::kNoPlan, "scratch_buffers", kMaxScratch,
                        scratch + 1));
  }
  scratch_[scratch] = end_;
  end_ += AlignUp(size);
  ++buffers_;
  return kTfLiteOk;
}

size_t TrainingMemoryPlanner::GetMaximumMemorySize() {
  return static_cast<size_t>(end_);
}

TfLiteStatus TrainingMemoryPlanner::GetOffsetForBuffer(int buffer,
                                                       int* offset) {
  if (buffer < 0 || buffer >= buffers_) {
    return Refuse(Error(StatusCode::kBadArgument, "buffer", buffers_, buffer));
  }
  if (buffer >= tensors_) {
    *offset = scratch_[buffer - tensors_];
    return kTfLiteOk;
  }
  // TFLM asks in order.
  if (buffer < asked_.buffer) asked_ = {};
  while (asked_.buffer < buffer) {
    if (!Advance(&asked_, &asked_tensor_)) return Refuse(status_);
  }
  // SignatureInterpreter takes the place away again from what has none.
  *offset = asked_tensor_.is_in_arena() ? asked_tensor_.offset : 0;
  return kTfLiteOk;
}

}  // namespace biotrain
