// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/interpreter.h"

#include "tflm_train/micro/op_context.h"
#include "tflm_train/micro/op_table.h"
#include "tflm_train/micro/schema.h"

// Called right before each operator, so that an emulator's plugin can count
// what it executes: from one call to the next.
extern "C" __attribute__((noinline)) void biotrain_op_mark() {
  asm volatile("");
}

namespace biotrain {
namespace {

// What it costs to read an operator and its tensors, in multiply-adds.
constexpr int64_t kWorkPerOperator = 512;
constexpr int64_t kWorkPerTensor = 64;

constexpr int32_t kCallOnce = 129;

Status GetEntry(const Model& model, const Table& op, const OpEntry** entry) {
  OpCode code;
  const Status status = model.GetOpCode(op, &code);
  if (!status.ok()) return status;
  *entry = FindOp(code);
  if (*entry != nullptr) return {};
  const bool custom = code.builtin == kCustomOp;
  return Error(StatusCode::kUnsupportedOp,
               custom ? code.custom.data : "builtin_op", 0, code.builtin);
}

void CheckCounts(const OpEntry& entry, OpContext* op) {
  const int inputs = op->inputs();
  op->Expect(inputs >= entry.min_inputs, StatusCode::kBadModel, "inputs",
             entry.min_inputs, inputs);
  op->Expect(inputs <= entry.max_inputs, StatusCode::kBadModel, "inputs",
             entry.max_inputs, inputs);
  for (int i = 0; i < entry.min_inputs && op->ok(); ++i) {
    op->Expect(op->HasInput(i), StatusCode::kBadModel, "missing_input", i, -1);
  }
  const int outputs = op->outputs();
  const int min_outputs = entry.max_outputs == 0 ? 0 : 1;
  op->Expect(outputs >= min_outputs, StatusCode::kBadModel, "outputs",
             min_outputs, outputs);
  op->Expect(outputs <= entry.max_outputs, StatusCode::kBadModel, "outputs",
             entry.max_outputs, outputs);
}

Status CheckOperator(const Model& model, const Subgraph& subgraph,
                     int32_t index, Span<uint8_t> arena, int64_t work_limit,
                     int64_t* work) {
  const OpEntry* entry = nullptr;
  const Table table = subgraph.operators[index];
  const Status found = GetEntry(model, table, &entry);
  if (!found.ok()) return found;
  // What runs it relies on it.
  constexpr uint32_t kIndexBytes = sizeof(int32_t);
  if (!table.IsSound(schema::op::kOpcodeIndex, sizeof(uint32_t)) ||
      !table.IsSoundVector(schema::op::kInputs, kIndexBytes) ||
      !table.IsSoundVector(schema::op::kOutputs, kIndexBytes) ||
      !table.IsSoundVector(schema::op::kCustomOptions, 1)) {
    return Error(StatusCode::kBadModel, "operator", 1, 0);
  }
  OpContext op(model, subgraph, index, arena, /*check_only=*/true);
  op.set_variant(entry->variant);
  op.set_work_limit(work_limit);
  CheckCounts(*entry, &op);
  if (op.ok()) entry->run(op);
  if (op.ok()) op.CheckMemory(entry->in_place);
  op.CountWork(kWorkPerOperator +
               kWorkPerTensor * (op.inputs() + op.outputs()));
  *work = op.work();
  // An op of a loop's body has said where already.
  if (op.status().where[0] == '\0') op.status().where = entry->name;
  return op.status();
}

// Whether a run would change nothing: the bytes it moves are there already.
bool IsInPlace(const OpEntry& entry, const TrustedTable& op,
               const Subgraph& subgraph) {
  if (entry.in_place == InPlace::kNothing) return true;
  if (entry.in_place != InPlace::kCopy) return false;
  const auto inputs = op.Vector<int32_t>(schema::op::kInputs);
  // An assignment has the variable as an input, and no output.
  const int32_t other = entry.max_outputs == 0
                            ? inputs[1]
                            : op.Vector<int32_t>(schema::op::kOutputs)[0];
  const int32_t place = subgraph.offsets[inputs[0]];
  return place != kNowhere && place == subgraph.offsets[other];
}

Status CheckLoss(const float* loss) {
  if (loss == nullptr || IsFinite(*loss)) return {};
  return Error(StatusCode::kLossNotFinite, "loss", 1, 0);
}

}  // namespace

Status CheckSubgraph(const Model& model, const Subgraph& subgraph,
                     Span<uint8_t> arena, int64_t work_limit, int64_t* total) {
  Status status;
  int64_t left = work_limit;
  for (int32_t i = 0; i < subgraph.operators.size() && status.ok(); ++i) {
    int64_t work = 0;
    status = CheckOperator(model, subgraph, i, arena, left, &work);
    if (status.ok() && work > left) {
      const char* where = status.where;
      status = Error(StatusCode::kTooMuchWork, "multiply_adds", left, work);
      status.where = where;
    }
    left -= work;
  }
  if (total != nullptr) *total = work_limit - left;
  return status;
}

Status RunSubgraph(const Model& model, const Subgraph& subgraph,
                   Span<uint8_t> arena, const float* loss) {
  const int32_t count = subgraph.operators.size();
  for (int32_t i = 0; i < count; ++i) {
    if (i == subgraph.commit_op) {
      const Status status = CheckLoss(loss);
      if (!status.ok()) return status;
    }
    biotrain_op_mark();
    const TrustedTable table = subgraph.operators.Trusted(i);
    const OpEntry& entry =
        OpOfCode(model, table.Number<uint32_t>(schema::op::kOpcodeIndex));
    if (IsInPlace(entry, table, subgraph)) continue;
    OpContext op(model, subgraph, i, arena, /*check_only=*/false);
    op.set_variant(entry.variant);
    entry.run(op);
    if (op.ok()) continue;
    if (op.status().where[0] == '\0') op.status().where = entry.name;
    return op.status();
  }
  return CheckLoss(loss);
}

Status FindInitSubgraph(const Model& model, const Subgraph& subgraph,
                        int32_t* init) {
  *init = -1;
  for (int32_t i = 0; i < subgraph.operators.size(); ++i) {
    const Table op = subgraph.operators[i];
    OpCode code;
    const Status status = model.GetOpCode(op, &code);
    if (!status.ok()) return status;
    if (code.builtin != kCallOnce) continue;
    const auto found =
        op.Child(schema::op::kBuiltinOptions)
            .Number<int32_t>(schema::call_once::kInitSubgraphIndex);
    if (*init >= 0 && *init != found) {
      return Error(StatusCode::kBadModel, "init_subgraph", *init, found);
    }
    *init = found;
  }
  return {};
}

Status GetInitSubgraph(const Model& model, int32_t index, Subgraph* init) {
  const Status status = model.GetSubgraph(index, init);
  init->commit_op = 0;
  return status;
}

bool IsComputedBefore(const Subgraph& subgraph, int32_t end, int32_t tensor) {
  for (int32_t i = 0; i < end; ++i) {
    const Span<const int32_t> outputs =
        subgraph.operators[i].Ints(schema::op::kOutputs);
    for (const int32_t output : outputs) {
      if (output == tensor) return true;
    }
  }
  return false;
}

}  // namespace biotrain
