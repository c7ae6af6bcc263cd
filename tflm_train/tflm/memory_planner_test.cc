// SPDX-License-Identifier: Apache-2.0
// The planner alone, asked as TFLM asks it.
#include "tflm_train/tflm/memory_planner.h"

#include <cstring>

#include "tflm_train/micro/model.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/tflm/model_test.h"

namespace biotrain {
namespace {

alignas(16) uint8_t head[kPlanBytes];

int RoundUp(int bytes) { return (bytes + 15) / 16 * 16; }

// Calls add(subgraph, tensor) for every tensor that TFLM wants a place for.
template <typename Add>
void ForEachTensor(TestContext& test, Add add) {
  Model model;
  test.Expect(Model::Open(File(), &model).ok(), "open");
  const Arena arena = Span<uint8_t>{head, sizeof head};
  for (int32_t s = 0; s < model.subgraph_count(); ++s) {
    Subgraph subgraph;
    test.Expect(model.GetSubgraph(s, &subgraph).ok(), "subgraph");
    for (int32_t t = 0; t < subgraph.tensors.size(); ++t) {
      Tensor tensor;
      test.Expect(model.GetTensor(subgraph, t, arena, &tensor).ok(), "tensor");
      if (!tensor.is_constant()) add(tensor);
    }
  }
}

void AddTensors(TestContext& test, TrainingMemoryPlanner* planner) {
  test.Expect(planner->Init(head, sizeof head) == kTfLiteOk, "init");
  ForEachTensor(test, [&](const Tensor& tensor) {
    const int bytes = tensor.type == TensorType::kResource ? 4 : tensor.bytes;
    // TFLM knows no time of use for what subgraph 0 does not reach.
    test.Expect(planner->AddBuffer(RoundUp(bytes), -1, -1) == kTfLiteOk, "add");
  });
}

void ExpectRefusal(TestContext& test, const TrainingMemoryPlanner& planner,
                   TfLiteStatus returned, const char* what) {
  test.Expect(returned == kTfLiteError, what);
  test.ExpectEqual(std::strcmp(planner.status().what, what), 0, what);
}

void TestTensorsAreWhereThePlanSays(TestContext& test) {
  TrainingMemoryPlanner planner(File());
  AddTensors(test, &planner);
  int buffer = 0;
  ForEachTensor(test, [&](const Tensor& tensor) {
    int offset = -1;
    test.Expect(planner.GetOffsetForBuffer(buffer++, &offset) == kTfLiteOk,
                "offset");
    if (tensor.is_in_arena()) test.ExpectEqual(offset, tensor.offset, "plan");
  });
  test.ExpectEqual(planner.GetBufferCount(), buffer, "buffers");
  test.ExpectEqual(planner.GetMaximumMemorySize(), kPlanBytes, "bytes");
  int first = -1, again = -1;
  test.Expect(planner.GetOffsetForBuffer(1, &first) == kTfLiteOk, "back");
  test.Expect(planner.GetOffsetForBuffer(1, &again) == kTfLiteOk, "again");
  test.ExpectEqual(first, again, "asked twice");
  const TfLiteStatus beyond = planner.GetOffsetForBuffer(buffer, &first);
  ExpectRefusal(test, planner, beyond, "buffer");
}

void TestScratchLiesBehindThePlan(TestContext& test) {
  TrainingMemoryPlanner planner(File());
  AddTensors(test, &planner);
  const int tensors = planner.GetBufferCount();
  test.Expect(planner.AddBuffer(100, 3, 4) == kTfLiteOk, "scratch");
  test.Expect(planner.AddBuffer(16, 5, 5) == kTfLiteOk, "scratch");
  const size_t plan_end = RoundUp(kPlanBytes);
  int offset[2] = {};
  for (int i = 0; i < 2; ++i) {
    test.Expect(
        planner.GetOffsetForBuffer(tensors + i, offset + i) == kTfLiteOk,
        "offset");
  }
  test.ExpectEqual(offset[0], plan_end, "first");
  test.ExpectEqual(offset[1], plan_end + 112, "second");
  test.ExpectEqual(planner.GetMaximumMemorySize(), plan_end + 128, "bytes");
  // TFLM has nowhere to write the address of this one.
  ExpectRefusal(test, planner, planner.AddBuffer(100, -1, -1),
                "scratch_beyond_subgraph_0");
}

void TestOtherFilesAreRefused(TestContext& test) {
  TrainingMemoryPlanner planner(File());
  test.Expect(planner.Init(head, sizeof head) == kTfLiteOk, "init");
  ExpectRefusal(test, planner, planner.AddBuffer(1 << 20, 0, 0),
                "buffer_of_another_model");
  TrainingMemoryPlanner no_plan(Span<const uint8_t>(File().data(), 16));
  test.Expect(no_plan.Init(head, sizeof head) == kTfLiteError, "no file");
  test.Expect(no_plan.AddBuffer(16, 0, 0) == kTfLiteError, "no plan");
}

constexpr TestCase kTests[] = {
    {"tensors_are_where_the_plan_says", TestTensorsAreWhereThePlanSays},
    {"scratch_lies_behind_the_plan", TestScratchLiesBehindThePlan},
    {"other_files_are_refused", TestOtherFilesAreRefused},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
