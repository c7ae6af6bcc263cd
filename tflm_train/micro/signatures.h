// SPDX-License-Identifier: Apache-2.0
// The four signatures of a trainable model: what the trainer relies on.
#ifndef TFLM_TRAIN_MICRO_SIGNATURES_H_
#define TFLM_TRAIN_MICRO_SIGNATURES_H_

#include <cstdint>

#include "tflm_train/micro/model.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"
#include "tflm_train/micro/tensor.h"

namespace biotrain {

constexpr char kTrain[] = "train";      // (x, y) -> loss
constexpr char kInfer[] = "infer";      // (x) -> output
constexpr char kSave[] = "save";        // () -> every variable
constexpr char kRestore[] = "restore";  // (every variable)

constexpr char kX[] = "x";
constexpr char kY[] = "y";
constexpr char kLoss[] = "loss";
constexpr char kOutput[] = "output";

enum class Side { kInput, kOutput };

// The tensor of this name at one side of a signature.
Status GetEnd(const Model& model, const Arena& arena, const char* signature,
              Side side, const char* name, Tensor* tensor);

// Checks all four, every op they reach, and the subgraph that gives variables
// their initial values, which is returned in `init`; -1 if there is none.
Status CheckSignatures(const Model& model, const Arena& arena,
                       int64_t work_limit, int32_t* init);

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_SIGNATURES_H_
