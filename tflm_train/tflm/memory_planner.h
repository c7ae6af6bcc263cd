// SPDX-License-Identifier: Apache-2.0
// Gives TFLM's tensors the places of the plan in the file, variables included.
//
//   biotrain::TrainingMemoryPlanner planner(model);
//   tflite::MicroAllocator* allocator =
//       tflite::MicroAllocator::Create(arena, sizeof arena, &planner);
#ifndef TFLM_TRAIN_TFLM_MEMORY_PLANNER_H_
#define TFLM_TRAIN_TFLM_MEMORY_PLANNER_H_

#include <cstddef>
#include <cstdint>

#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/compatibility.h"
#include "tensorflow/lite/micro/memory_planner/micro_memory_planner.h"
#include "tflm_train/micro/model.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"

namespace biotrain {

// TFLM adds a buffer for every tensor that is no constant, subgraph by
// subgraph, then one for each scratch buffer that an op has asked for. Of one
// model only: variables stay where another model would have its activations.
class TrainingMemoryPlanner : public tflite::MicroMemoryPlanner {
 public:
  // The flatbuffer must outlive the planner. `AddBuffer` refuses one without a
  // plan.
  explicit TrainingMemoryPlanner(Span<const uint8_t> model);

  TfLiteStatus Init(unsigned char* scratch, int scratch_bytes) override;
  TfLiteStatus AddBuffer(int size, int first_used, int last_used) override;
  // TFLM would call this for OfflineMemoryAllocation, which the plan replaces.
  TfLiteStatus AddBuffer(int size, int first_used, int last_used,
                         int offline_offset) override;

  size_t GetMaximumMemorySize() override;
  int GetBufferCount() override { return buffers_; }
  TfLiteStatus GetOffsetForBuffer(int buffer, int* offset) override;
  bool preserves_all_tensors() const override { return false; }

  // Why a call was refused.
  const Status& status() const { return status_; }

 private:
  // Scratch buffers that ops of the application may ask for.
  static constexpr int kMaxScratch = 16;

  // A tensor of the model that TFLM wants a place for.
  struct Cursor {
    int buffer = -1;
    int32_t subgraph = 0;
    int32_t tensor = -1;
    Subgraph found;
  };

  // To the next such tensor; false behind the last one.
  bool Advance(Cursor* cursor, Tensor* tensor);
  TfLiteStatus Refuse(const Status& status);
  TfLiteStatus AddScratch(int size, int first_used);

  Model model_;
  Status opened_;
  Status status_;
  Span<uint8_t> head_;
  Cursor added_;
  Cursor asked_;
  Tensor asked_tensor_;
  int tensors_ = 0;  // how many of the buffers are tensors
  int buffers_ = 0;
  int32_t scratch_[kMaxScratch] = {};  // their offsets, behind the plan
  int32_t end_ = 0;

  TF_LITE_REMOVE_VIRTUAL_DELETE
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_TFLM_MEMORY_PLANNER_H_
