// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/tflm/training_op.h"

#include <cstddef>

#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_context.h"
#include "tensorflow/lite/micro/micro_interpreter_graph.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tflm_train/micro/interpreter.h"

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
      RunOperator(*call->model, *call->subgraph,
                  OperatorIndex(graph.GetAllocations()[subgraph], node),
                  call->arena, call->loss);
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
