// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/tflm/training_op.h"

#include <cstddef>

#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_context.h"
#include "tensorflow/lite/micro/micro_interpreter_graph.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tflm_train/micro/interpreter.h"
#include "tflm_train/micro/op_context.h"
#include "tflm_train/micro/op_table.h"
#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace {

// The number of a node's operator in its subgraph: nodes stand in that order.
int32_t OperatorIndex(const tflite::SubgraphAllocations& subgraph,
                      const TfLiteNode* node) {
  static_assert(offsetof(tflite::NodeAndRegistration, node) == 0);
  const auto* entry =
      reinterpret_cast<const tflite::NodeAndRegistration*>(node);
  return static_cast<int32_t>(entry - subgraph.node_and_registrations);
}

Status Run(const TrainingCall& call, int32_t index) {
  const Subgraph& subgraph = *call.subgraph;
  const bool commits = index == subgraph.commit_op;
  if (commits && call.loss != nullptr && !IsFinite(*call.loss)) {
    return Error(StatusCode::kLossNotFinite, "loss", 1, 0);
  }
  const OpEntry& entry =
      OpOfCode(*call.model, subgraph.operators.Trusted(index).Number<uint32_t>(
                                schema::op::kOpcodeIndex));
  OpContext op(*call.model, subgraph, index, call.arena, /*check_only=*/false);
  op.set_variant(entry.variant);
  entry.run(op);
  if (!op.ok() && op.status().where[0] == '\0') op.status().where = entry.name;
  return op.status();
}

// The node's tensors and options are those of its operator in the flatbuffer.
TfLiteStatus Invoke(TfLiteContext* context, TfLiteNode* node) {
  tflite::MicroContext* micro = tflite::GetMicroContext(context);
  auto& graph = static_cast<tflite::MicroInterpreterGraph&>(micro->graph());
  auto* call = static_cast<TrainingCall*>(micro->external_context());
  const int32_t subgraph = graph.GetCurrentSubgraphIndex();
  if (call == nullptr || call->subgraph_index != subgraph) {
    MicroPrintf("A training op of subgraph %d: wanted a call by signature",
                static_cast<int>(subgraph));
    return kTfLiteError;
  }
  call->status =
      Run(*call, OperatorIndex(graph.GetAllocations()[subgraph], node));
  return call->status.ok() ? kTfLiteOk : kTfLiteError;
}

constexpr TFLMRegistration kTrainingOp = {
    /*init=*/nullptr,       /*free=*/nullptr,
    /*prepare=*/nullptr,    Invoke,
    /*reset=*/nullptr,      /*builtin_code=*/0,
    /*custom_name=*/nullptr};

}  // namespace

const TFLMRegistration& TrainingOp() { return kTrainingOp; }

void LogStatus(const Status& status) {
  const bool has_place = status.where[0] != '\0';
  MicroPrintf("%s: %s, %s: wanted %d, found %d",
              has_place ? status.where : "biotrain", StatusName(status.code),
              status.what, static_cast<int>(status.wanted),
              static_cast<int>(status.found));
}

}  // namespace biotrain
