// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/op_table.h"

namespace biotrain {

const OpEntry* FindOp(const OpCode& code) {
  const OpTable& ops = kProgramOps;
  if (code.builtin == kCustomOp) {
    for (int i = 0; i < ops.count; ++i) {
      const OpEntry& entry = ops.entries[i];
      if (entry.builtin == kCustomOp && code.custom.Equals(entry.name)) {
        return &entry;
      }
    }
    return nullptr;
  }
  if (code.builtin < 0 || code.builtin >= kBuiltinEnd) return nullptr;
  const uint8_t index = ops.index_of_builtin[code.builtin];
  return index == kNoOp ? nullptr : &ops.entries[index];
}

void FindOps(Model* model) {
  for (int32_t i = 0; i < model->op_codes(); ++i) {
    OpCode code;
    const Status status = model->GetOpCode(i, &code);
    const OpEntry* entry = status.ok() ? FindOp(code) : nullptr;
    if (entry == nullptr) continue;
    model->SetOpOfCode(i, static_cast<int>(entry - kProgramOps.entries));
  }
}

}  // namespace biotrain
