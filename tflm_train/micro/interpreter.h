// SPDX-License-Identifier: Apache-2.0
// Checks and runs one subgraph, operator by operator.
#ifndef TFLM_TRAIN_MICRO_INTERPRETER_H_
#define TFLM_TRAIN_MICRO_INTERPRETER_H_

#include <cstdint>

#include "tflm_train/micro/model.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"

namespace biotrain {

inline bool IsFinite(float value) { return value - value == 0.0f; }

// Every op, its tensors and the plan; runs nothing. Afterwards RunSubgraph on
// the same model and arena can fail only for the values in the tensors.
// `work`, if given, is what a run of it costs at most.
Status CheckSubgraph(const Model& model, const Subgraph& subgraph,
                     Span<uint8_t> arena, int64_t work_limit,
                     int64_t* work = nullptr);

// Where `loss` is given, it is the one that must be finite before the first
// op that may write a variable, and at the end.
Status RunSubgraph(const Model& model, const Subgraph& subgraph,
                   Span<uint8_t> arena, const float* loss);

// The subgraph the CALL_ONCE ops of this one name; -1 if it has none.
Status FindInitSubgraph(const Model& model, const Subgraph& subgraph,
                        int32_t* init);
// That subgraph, all of which may write variables.
Status GetInitSubgraph(const Model& model, int32_t index, Subgraph* init);

// Whether an operator before `end` has this tensor as an output.
bool IsComputedBefore(const Subgraph& subgraph, int32_t end, int32_t tensor);

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_INTERPRETER_H_
