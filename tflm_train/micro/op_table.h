// SPDX-License-Identifier: Apache-2.0
// From an operator's code to the function that checks and runs it.
#ifndef TFLM_TRAIN_MICRO_OP_TABLE_H_
#define TFLM_TRAIN_MICRO_OP_TABLE_H_

#include <cstdint>

#include "tflm_train/micro/model.h"
#include "tflm_train/micro/op_context.h"

namespace biotrain {

struct OpEntry {
  int16_t builtin;   // the schema's code; kCustom: looked up by name
  const char* name;  // of a custom op its custom_code
  void (*run)(OpContext& op);
  uint8_t min_inputs;
  uint8_t max_inputs;
  uint8_t max_outputs;  // at least one output unless this is 0
  InPlace in_place;
  uint8_t variant;
};

constexpr int16_t kCustomOp = 32;

// nullptr if the runner has no such op.
const OpEntry* FindOp(const OpCode& code);

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_OP_TABLE_H_
