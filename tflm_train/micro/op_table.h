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
constexpr int kBuiltinEnd = 145;
constexpr uint8_t kNoOp = 255;

struct OpTable {
  const OpEntry* entries;
  int count;
  // Where a builtin code stands: every run of an op looks it up.
  uint8_t index_of_builtin[kBuiltinEnd];

  constexpr OpTable(const OpEntry* ops, int n)
      : entries(ops), count(n), index_of_builtin() {
    for (uint8_t& index : index_of_builtin) index = kNoOp;
    for (int i = 0; i < n; ++i) {
      if (ops[i].builtin != kCustomOp) {
        index_of_builtin[ops[i].builtin] = static_cast<uint8_t>(i);
      }
    }
  }
};

// The ops of this program. The library's table, ops/all_ops.cc, has all of
// them. A program that is linked with one of its own, as `biotrain convert`
// writes it for a model, has only that: the linker drops the other kernels.
extern const OpTable kProgramOps;

// Of two ops; there is no libc.
constexpr bool SameName(const char* a, const char* b) {
  for (; *a != '\0' && *a == *b; ++a) ++b;
  return *a == *b;
}

// nullptr if the program has no such op.
const OpEntry* FindOp(const OpCode& code);

// Looks up all operator codes of the model.
void FindOps(Model* model);
// Of an operator code for which there is one.
inline const OpEntry& OpOfCode(const Model& model, uint32_t code) {
  const int known = model.OpOfCode(code);
  if (known >= 0) return kProgramOps.entries[known];
  OpCode wanted;
  (void)model.GetOpCode(code, &wanted);
  return *FindOp(wanted);
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_OP_TABLE_H_
