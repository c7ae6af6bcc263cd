// SPDX-License-Identifier: Apache-2.0
// A converted model, trained by TFLM's interpreter and by the runner: the same
// losses and the same variables, bit for bit, and in the arena of the plan.
#include <cstring>

#include "tensorflow/lite/micro/micro_allocation_info.h"
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tflm_train/micro/trainer.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"
#include "tflm_train/tflm/memory_planner.h"
#include "tflm_train/tflm/model_test.h"
#include "tflm_train/tflm/signature_interpreter.h"

namespace biotrain {
namespace {

// Enough for TFLM's own planner too, which reuses nothing here.
constexpr size_t kBookkeepingBytes = 1024 * 1024;
// Of the bookkeeping that is neither tensors nor nodes.
constexpr size_t kRestBytes = 2 * 1024;
constexpr int kSteps = 20;
constexpr int kMaxElements = 64 * 1024;
constexpr size_t kMaxState = 64 * 1024;

alignas(16) uint8_t tflm_arena[kPlanBytes + kBookkeepingBytes];
alignas(16) uint8_t runner_arena[kPlanBytes];
float samples[kMaxElements];
int32_t labels[64];
alignas(4) uint8_t state[2][kMaxState];

// Everything that a TFLM application sets up.
struct Application {
  explicit Application(size_t arena_bytes)
      : planner(File()),
        interpreter(
            File(), ops,
            tflite::MicroAllocator::Create(tflm_arena, arena_bytes, &planner)) {
    allocated = interpreter.AllocateTensors() == kTfLiteOk;
  }
  BIOTRAIN_MODEL_OPS<> ops;
  TrainingMemoryPlanner planner;
  SignatureInterpreter interpreter;
  bool allocated = false;
};

// Samples that a model fetches, one after the other.
const void* Sample(void* first, int32_t i, void*, size_t bytes) {
  return static_cast<const uint8_t*>(first) + i * bytes;
}

struct Batch {
  Batch(TestContext& test, const Trainer& trainer)
      : x(trainer.InputElements("train", "x")),
        y(trainer.InputElements("train", "y")),
        classes(trainer.OutputElements("infer", "output")) {
    fits = x > 0 && x <= kMaxElements && y > 0 && y <= 64 &&
           trainer.SaveBytes() <= kMaxState;
    test.Expect(fits, "batch");
  }
  void Fill(uint32_t seed) {
    TestRandom random(seed);
    random.Fill(samples, static_cast<int>(x));
    for (size_t i = 0; i < y; ++i) {
      labels[i] = static_cast<int32_t>((seed * 7 + i * 3) % classes);
    }
  }
  Span<const float> X() const { return {samples, x}; }
  Span<const int32_t> Y() const { return {labels, y}; }
  size_t x;
  size_t y;
  size_t classes;
  bool fits;
};

// Fills the inputs and runs the signature, as an application of TFLM does.
Status TrainByName(SignatureInterpreter& tflm, const Batch& batch,
                   float* loss) {
  TfLiteEvalTensor* x = tflm.input("train", "x");
  TfLiteEvalTensor* y = tflm.input("train", "y");
  std::memcpy(y->data.i32, labels, batch.y * sizeof(int32_t));
  TfLiteStatus trained;
  if (x != nullptr) {
    std::memcpy(x->data.f, samples, batch.x * sizeof(float));
    trained = tflm.Invoke("train");
  } else {  // it fetches its samples
    const SampleSource source = {samples, Sample};
    trained = tflm.Invoke("train", &source);
  }
  if (trained == kTfLiteOk) *loss = *tflm.output("train", "loss")->data.f;
  return tflm.status();
}

void PrintFigure(const char* name, size_t value) {
  TestPrint(name);
  PrintNumber(static_cast<double>(value));
}

void PrintHash(const uint8_t* bytes, size_t size) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 16777619u;
  char text[] = "00000000\n";
  for (int i = 7; i >= 0; --i, hash >>= 4)
    text[i] = "0123456789abcdef"[hash % 16];
  TestPrint(" weights_fnv=");
  TestPrint(text);
}

// TFLM keeps a struct for every tensor and every operator, and little else.
void ExplainBookkeeping(TestContext& test, size_t bytes) {
  size_t tensors = 0, nodes = 0;
  for (const auto* subgraph : *tflite::GetModel(File().data())->subgraphs()) {
    tensors += subgraph->tensors()->size() * sizeof(TfLiteEvalTensor);
    nodes +=
        subgraph->operators()->size() * sizeof(tflite::NodeAndRegistration);
  }
  PrintFigure("bookkeeping=", bytes);
  PrintFigure(" eval_tensors=", tensors);
  PrintFigure(" nodes=", nodes);
  PrintFigure(" rest=", bytes - tensors - nodes);
  TestPrint("\n");
  test.Expect(tensors + nodes < bytes, "tensors and nodes");
  test.Expect(bytes - tensors - nodes < kRestBytes, "rest");
}

void ExpectSameState(TestContext& test, SignatureInterpreter& tflm,
                     const Trainer& runner) {
  const size_t bytes = runner.SaveBytes();
  test.Expect(tflm.trainer().Save({state[0], bytes}).ok(), "save");
  test.Expect(runner.Save({state[1], bytes}).ok(), "save of the runner");
  test.ExpectEqual(std::memcmp(state[0], state[1], bytes), 0, "variables");
}

void TestTrainsAsTheRunner(TestContext& test) {
  Application app(sizeof tflm_arena);
  Trainer runner;
  const Status created = Trainer::Create(File(), runner_arena, &runner);
  test.Expect(app.allocated && created.ok(), "set up");
  if (!test.passed()) return;
  SignatureInterpreter& tflm = app.interpreter;
  Batch batch(test, runner);
  if (!batch.fits) return;
  ExpectSameState(test, tflm, runner);
  float first = 0.0f, last = 0.0f;
  for (int step = 0; step < kSteps; ++step) {
    batch.Fill(static_cast<uint32_t>(step % 4));
    float loss = -1.0f, wanted = -2.0f;
    test.Expect(TrainByName(tflm, batch, &loss).ok(), "train");
    test.Expect(runner.Train(batch.X(), batch.Y(), &wanted).ok(), "runner");
    test.ExpectSameBits(&loss, &wanted, 1, "loss");
    if (step == 0) first = loss;
    last = loss;
  }
  test.Expect(last < first, "the loss falls");
  ExpectSameState(test, tflm, runner);
  const size_t used = tflm.arena_used_bytes();
  test.ExpectEqual(tflm.plan_bytes(), kPlanBytes, "plan");
  test.Expect(used > kPlanBytes, "arena_used_bytes");
  PrintFigure("plan_bytes=", kPlanBytes);
  PrintFigure(" runner_arena=", runner.ArenaUsed());
  PrintFigure(" tflm_arena=", used);
  PrintFigure(" steps=", kSteps);
  PrintHash(state[0], runner.SaveBytes());
  ExplainBookkeeping(test, used - kPlanBytes);
}

void TestInfersAsTheRunner(TestContext& test) {
  Application app(sizeof tflm_arena);
  Trainer runner;
  test.Expect(
      app.allocated && Trainer::Create(File(), runner_arena, &runner).ok(),
      "set up");
  if (!test.passed()) return;
  Batch batch(test, runner);
  batch.Fill(9);
  const Span<const float> x(samples, runner.InputElements("infer", "x"));
  float output[2][64] = {};
  const Span<float> tflm(output[0], batch.classes);
  const Span<float> wanted(output[1], batch.classes);
  test.Expect(app.interpreter.trainer().Infer(x, tflm).ok(), "infer");
  test.Expect(runner.Infer(x, wanted).ok(), "runner");
  test.ExpectSameBits(output[0], output[1], static_cast<int>(batch.classes),
                      "output");
  TfLiteEvalTensor* in = app.interpreter.input("infer", "x");
  if (in == nullptr) return;
  std::memcpy(in->data.f, samples, x.size() * sizeof(float));
  test.Expect(app.interpreter.Invoke("infer") == kTfLiteOk, "by name");
  const TfLiteEvalTensor* out = app.interpreter.output("infer", "output");
  test.ExpectSameBits(out->data.f, output[1], static_cast<int>(batch.classes),
                      "output by name");
}

void TestRestoredStateGoesOn(TestContext& test) {
  Application app(sizeof tflm_arena);
  test.Expect(app.allocated, "set up");
  if (!test.passed()) return;
  Trainer& trainer = app.interpreter.trainer();
  Batch batch(test, trainer);
  batch.Fill(1);
  float first, second, again, reset;
  const size_t bytes = trainer.SaveBytes();
  test.Expect(TrainByName(app.interpreter, batch, &first).ok(), "step 0");
  test.Expect(trainer.Save({state[0], bytes}).ok(), "save");
  test.Expect(TrainByName(app.interpreter, batch, &second).ok(), "step 1");
  test.Expect(trainer.Restore({state[0], bytes}).ok(), "restore");
  test.Expect(TrainByName(app.interpreter, batch, &again).ok(), "step 1 again");
  test.ExpectSameBits(&again, &second, 1, "loss of a restored state");
  test.Expect(app.interpreter.Reset() == kTfLiteOk, "reset");
  test.Expect(TrainByName(app.interpreter, batch, &reset).ok(), "step 0 again");
  test.ExpectSameBits(&reset, &first, 1, "loss of the initial state");
  test.Expect(first != second, "steps differ");
}

void TestRefusedStepChangesNothing(TestContext& test) {
  Application app(sizeof tflm_arena);
  test.Expect(app.allocated, "set up");
  if (!test.passed()) return;
  Trainer& trainer = app.interpreter.trainer();
  Batch batch(test, trainer);
  const size_t bytes = trainer.SaveBytes();
  test.Expect(trainer.Save({state[0], bytes}).ok(), "save");
  const auto refused = [&] {
    float loss = 0.0f;
    const StatusCode code = TrainByName(app.interpreter, batch, &loss).code;
    test.Expect(trainer.Save({state[1], bytes}).ok(), "save");
    test.ExpectEqual(std::memcmp(state[0], state[1], bytes), 0, "variables");
    return code;
  };
  // What is fetched is seen in the loss alone.
  batch.Fill(2);
  for (size_t i = 0; i < batch.x; ++i) samples[i] = __builtin_nanf("");
  test.Expect(refused() != StatusCode::kOk, "nan");
  // Sums of gradients that broke off were in the momentum; it is zero here.
  batch.Fill(2);
  labels[0] = static_cast<int32_t>(batch.classes);
  const StatusCode label = refused();
  test.Expect(label == StatusCode::kLabelOutOfRange ||
                  label == StatusCode::kMomentumLost,
              "label");
  // MicroInterpreter's own call knows no signature.
  tflite::MicroInterpreter& base = app.interpreter;
  test.Expect(base.Invoke() == kTfLiteError, "subgraph 0");
  test.Expect(app.interpreter.Invoke("fit") == kTfLiteError, "no signature");
}

// What TFLM wants for a moment, in the place of the plan, while it plans.
size_t PlanningBytes() {
  constexpr size_t kRequests = 1024;
  size_t bytes = kRequests;
  for (const auto* subgraph : *tflite::GetModel(File().data())->subgraphs()) {
    bytes += subgraph->tensors()->size() * sizeof(tflite::AllocationInfo);
  }
  return bytes;
}

void TestArenaIsWhatIsSaid(TestContext& test) {
  size_t used = 0;
  {
    Application app(sizeof tflm_arena);
    test.Expect(app.allocated, "set up");
    used = app.interpreter.arena_used_bytes();
  }
  const size_t planning = PlanningBytes();
  {
    const size_t more = planning > kPlanBytes ? planning - kPlanBytes : 0;
    PrintFigure("arena_to_plan_in=", used + more);
    TestPrint("\n");
    Application app(used + more);
    test.Expect(app.allocated, "in what it used");
    if (!app.allocated) return;
    Batch batch(test, app.interpreter.trainer());
    batch.Fill(3);
    float loss;
    test.Expect(TrainByName(app.interpreter, batch, &loss).ok(), "train");
  }
  Application app(used - 64);
  test.Expect(!app.allocated, "in less");
}

// With a planner of TFLM's own the tensors are elsewhere.
void TestOtherPlannersAreFound(TestContext& test) {
  BIOTRAIN_MODEL_OPS<> ops;
  SignatureInterpreter interpreter(
      File(), ops,
      tflite::MicroAllocator::Create(tflm_arena, sizeof tflm_arena));
  test.Expect(interpreter.AllocateTensors() == kTfLiteError, "greedy planner");
  test.ExpectEqual(static_cast<int>(interpreter.status().code),
                   static_cast<int>(StatusCode::kNoPlan), "status");
}

constexpr TestCase kTests[] = {
    {"trains_as_the_runner", TestTrainsAsTheRunner},
    {"infers_as_the_runner", TestInfersAsTheRunner},
    {"restored_state_goes_on", TestRestoredStateGoesOn},
    {"refused_step_changes_nothing", TestRefusedStepChangesNothing},
    {"arena_is_what_is_said", TestArenaIsWhatIsSaid},
    {"other_planners_are_found", TestOtherPlannersAreFound},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
