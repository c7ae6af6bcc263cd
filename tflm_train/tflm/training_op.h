// SPDX-License-Identifier: Apache-2.0
// How TFLM calls an op of the runner: one registration serves all of them.
//
// What an op computes on is read where the runner reads it, in the flatbuffer
// and the plan. The memory planner gives TFLM's tensors the same places, so
// that both see the same bytes.
#ifndef TFLM_TRAIN_TFLM_TRAINING_OP_H_
#define TFLM_TRAIN_TFLM_TRAINING_OP_H_

#include <cstdint>

#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_common.h"
#include "tflm_train/micro/model.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"

namespace biotrain {

// The call that is under way: what TFLM's external context points to.
struct TrainingCall {
  // For ops of the application's own, since TFLM has room for one external
  // context only.
  void* application = nullptr;

  const Model* model = nullptr;
  Span<uint8_t> arena;
  int32_t subgraph_index = -1;         // -1: no call
  const Subgraph* subgraph = nullptr;  // of that index
  const float* loss = nullptr;         // must be finite before the commit
  Status status;                       // how the last op ended
};

// For MicroMutableOpResolver::AddCustom, which keeps a copy with the op's name.
const TFLMRegistration& TrainingOp();

// One line of TFLM's log: the thing, the wanted and the found.
void LogStatus(const Status& status);

}  // namespace biotrain

#endif  // TFLM_TRAIN_TFLM_TRAINING_OP_H_
