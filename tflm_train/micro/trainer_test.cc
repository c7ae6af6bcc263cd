// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/trainer.h"

#include <cstring>

#include "tflm_train/micro/dense_model_test.h"
#include "tflm_train/micro/interpreter.h"
#include "tflm_train/testing/micro_test.h"

namespace biotrain {
namespace {

void TestTrainsAsExpected(TestContext& test) {
  Fixture& f = Fresh();
  ExpectStatus(test, f.status, StatusCode::kOk, "create");
  float weights[kIn * kOut];
  std::memcpy(weights, kInitial, sizeof weights);
  for (int step = 0; step < 3; ++step) {
    const float want = Step(kXData, kLabels, weights);
    float loss = 0.0f;
    ExpectStatus(test, f.Train(kXData, kLabels, &loss), StatusCode::kOk,
                 "train");
    test.ExpectNear(static_cast<double>(loss), static_cast<double>(want), 1e-5,
                    "loss");
    float saved[kIn * kOut];
    ExpectStatus(test, f.Save(saved), StatusCode::kOk, "save");
    test.ExpectNear(saved, weights, kIn * kOut, 1e-6, "weights");
  }
  float output[kOut];
  ExpectStatus(test, f.trainer.Infer({kXData, kIn}, {output, kOut}),
               StatusCode::kOk, "infer");
  float want[kOut] = {};
  for (int o = 0; o < kOut; ++o) {
    for (int i = 0; i < kIn; ++i) want[o] += kXData[i] * weights[i * kOut + o];
  }
  test.ExpectNear(output, want, kOut, 1e-6, "output");
}

void TestInPlaceIsTheSame(TestContext& test) {
  Fixture& f = Fresh();
  float loss[2] = {};
  ExpectStatus(test, f.Train(kXData, kLabels, &loss[0]), StatusCode::kOk,
               "train");
  ExpectStatus(test, f.trainer.Reset(), StatusCode::kOk, "reset");
  const Span<float> x = f.trainer.TrainInput();
  const Span<int32_t> y = f.trainer.TrainLabels();
  test.ExpectEqual(static_cast<int64_t>(x.size()), kBatch * kIn, "x");
  test.ExpectEqual(static_cast<int64_t>(y.size()), kBatch, "labels");
  test.ExpectEqual(static_cast<int64_t>(f.trainer.TrainTargets().size()), 0,
                   "targets");
  std::memcpy(x.data(), kXData, sizeof kXData);
  std::memcpy(y.data(), kLabels, sizeof kLabels);
  ExpectStatus(test, f.trainer.TrainInPlace(&loss[1]), StatusCode::kOk,
               "in place");
  test.ExpectSameBits(&loss[1], &loss[0], 1, "loss");
}

void TestQueries(TestContext& test) {
  Fixture& f = Fresh();
  const Trainer& t = f.trainer;
  test.ExpectEqual(static_cast<int64_t>(t.InputElements("train", "x")), 6, "x");
  test.ExpectEqual(static_cast<int64_t>(t.OutputElements("infer", "output")),
                   kOut, "output");
  test.ExpectEqual(static_cast<int64_t>(t.InputElements("train", "z")), 0, "z");
  test.ExpectEqual(static_cast<int64_t>(t.SaveBytes()), 24, "save");
  test.ExpectEqual(static_cast<int64_t>(t.ArenaUsed()), kArenaBytes, "arena");
  size_t required = 0;
  ExpectStatus(test, Trainer::RequiredArena(f.file, &required), StatusCode::kOk,
               "required");
  test.ExpectEqual(static_cast<int64_t>(required), kArenaBytes, "required");
}

void TestSaveAndRestore(TestContext& test) {
  Fixture& f = Fresh();
  float before[kIn * kOut], after[kIn * kOut];
  float loss;
  ExpectStatus(test, f.Train(kXData, kLabels, &loss), StatusCode::kOk, "train");
  ExpectStatus(test, f.Save(before), StatusCode::kOk, "save");
  ExpectStatus(test, f.trainer.Reset(), StatusCode::kOk, "reset");
  ExpectStatus(test, f.Save(after), StatusCode::kOk, "save");
  test.ExpectSameBits(after, kInitial, kIn * kOut, "initial values");
  const Span<const uint8_t> bytes = {reinterpret_cast<uint8_t*>(before), 24};
  ExpectStatus(test, f.trainer.Restore(bytes), StatusCode::kOk, "restore");
  ExpectStatus(test, f.Save(after), StatusCode::kOk, "save");
  test.ExpectSameBits(after, before, kIn * kOut, "restored values");
  ExpectStatus(test, f.trainer.Restore({bytes.data(), 20}),
               StatusCode::kBadArgument, "short file");
  float damaged[kIn * kOut];
  std::memcpy(damaged, kInitial, sizeof damaged);
  damaged[5] = __builtin_nanf("");
  const Status refused =
      f.trainer.Restore({reinterpret_cast<uint8_t*>(damaged), 24});
  ExpectStatus(test, refused, StatusCode::kInputNotFinite, "nan in file");
  ExpectStatus(test, f.Save(after), StatusCode::kOk, "save");
  test.ExpectSameBits(after, before, kIn * kOut, "nothing changed");
}

void TestRefusedStepsChangeNothing(TestContext& test) {
  Fixture& f = Fresh();
  float loss = 123.0f;
  float x[kBatch * kIn];
  const auto Reset = [&x] { std::memcpy(x, kXData, sizeof x); };

  Reset();
  x[4] = __builtin_nanf("");
  const Status nan = f.Train(x, kLabels, &loss);
  ExpectStatus(test, nan, StatusCode::kInputNotFinite, "nan");
  test.ExpectEqual(nan.found, 4, "where the nan is");
  x[4] = __builtin_inff();
  ExpectStatus(test, f.Train(x, kLabels, &loss), StatusCode::kInputNotFinite,
               "infinity");
  Reset();
  x[0] = 3e38f;  // finite, but its loss is not
  ExpectStatus(test, f.Train(x, kLabels, &loss), StatusCode::kLossNotFinite,
               "loss");
  const int32_t labels[] = {0, kOut};
  const Status label = f.Train(kXData, labels, &loss);
  ExpectStatus(test, label, StatusCode::kLabelOutOfRange, "label");
  test.ExpectEqual(label.wanted, kOut, "classes");
  test.ExpectEqual(label.found, kOut, "label found");
  const int32_t negative[] = {0, -1};
  ExpectStatus(test, f.Train(kXData, negative, &loss),
               StatusCode::kLabelOutOfRange, "negative label");
  const Status shape =
      f.trainer.Train({kXData, 5}, Span<const int32_t>(kLabels, kBatch), &loss);
  ExpectStatus(test, shape, StatusCode::kBadShape, "shape");
  test.ExpectEqual(shape.wanted * 100 + shape.found, 605, "sizes");
  ExpectStatus(
      test, f.trainer.Train({kXData, 6}, Span<const float>(kXData, 2), &loss),
      StatusCode::kBadType, "targets for labels");
  ExpectStatus(test, f.Train(kXData, kLabels, nullptr),
               StatusCode::kBadArgument, "no loss");
  float output[kOut];
  ExpectStatus(test, f.trainer.Infer({kXData, kIn}, {output, 1}),
               StatusCode::kBadShape, "output");
  test.ExpectNear(static_cast<double>(loss), 123.0, 0.0, "loss is untouched");
  float saved[kIn * kOut];
  ExpectStatus(test, f.Save(saved), StatusCode::kOk, "save");
  test.ExpectSameBits(saved, kInitial, kIn * kOut, "weights");
}

void TestArena(TestContext& test) {
  Fixture& f = Fresh();
  const Status small = f.Create(kArenaBytes - 1);
  ExpectStatus(test, small, StatusCode::kArenaTooSmall, "one byte short");
  test.ExpectEqual(small.wanted, kArenaBytes, "wanted");
  test.ExpectEqual(small.found, kArenaBytes - 1, "found");
  float loss;
  ExpectStatus(test, f.Train(kXData, kLabels, &loss), StatusCode::kBadArgument,
               "not created");
  alignas(16) uint8_t shifted[kArenaBytes + 16];
  ExpectStatus(test,
               Trainer::Create(f.file, {shifted + 4, kArenaBytes}, &f.trainer),
               StatusCode::kArenaMisaligned, "misaligned");
  ExpectStatus(test, Trainer::Create(f.file, f.file, &f.trainer),
               StatusCode::kBadArgument, "arena over model");
}

void TestDamagedPlans(TestContext& test) {
  DenseOptions late;
  late.commit_op = 6;  // the loss is computed by op 7
  ExpectStatus(test, Fresh(late).status, StatusCode::kNoPlan, "late loss");
  DenseOptions none;
  none.commit_op = -1;
  ExpectStatus(test, Fresh(none).status, StatusCode::kNoPlan, "no commit");
  DenseOptions infer;
  infer.commit_infer = 0;
  ExpectStatus(test, Fresh(infer).status, StatusCode::kNoPlan, "infer writes");
  DenseOptions variables;
  variables.x_offset = 16;
  ExpectStatus(test, Fresh(variables).status, StatusCode::kNoPlan,
               "x over variables");
  DenseOptions overlap;
  overlap.product_offset = 48;  // over the end of x
  ExpectStatus(test, Fresh(overlap).status, StatusCode::kNoPlan, "overlap");
  DenseOptions outside;
  outside.product_offset = kArenaBytes;
  ExpectStatus(test, Fresh(outside).status, StatusCode::kNoPlan, "outside");
  DenseOptions odd;
  odd.product_offset = 84;
  ExpectStatus(test, Fresh(odd).status, StatusCode::kNoPlan, "odd offset");
}

void TestUnknownOpIsNamed(TestContext& test) {
  DenseOptions options;
  options.update = "BiotrainAdamax";
  const Status status = Fresh(options).status;
  ExpectStatus(test, status, StatusCode::kUnsupportedOp, "code");
  const Text name = {status.what, sizeof("BiotrainAdamax") - 1};
  test.Expect(name.Equals("BiotrainAdamax"), "name");
}

void TestWorkIsBounded(TestContext& test) {
  Fixture& f = Fresh();
  Limits limits;
  limits.work_per_call = 100;
  ExpectStatus(
      test,
      Trainer::Create(f.file, {f.arena, sizeof f.arena}, &f.trainer, limits),
      StatusCode::kTooMuchWork, "limit");
}

// Whatever is cut off or flipped, every call ends with a status.
void TestDamagedFiles(TestContext& test) {
  Fixture& f = Fresh();
  const size_t size = f.file.size();
  // The last word says that restore has no outputs; that goes without saying.
  for (size_t bytes = 0; bytes + 4 < size; bytes += 4) {
    const Status status = Trainer::Create(
        {f.file.data(), bytes}, {f.arena, sizeof f.arena}, &f.trainer);
    test.Expect(!status.ok(), "truncated");
  }
  for (size_t i = 0; i < size; ++i) {
    for (const uint8_t flip : {0x01, 0x80, 0xff}) {
      f.file[i] ^= flip;
      float loss = 0.0f;
      Status status = f.Create(sizeof f.arena);
      if (status.ok()) status = f.Train(kXData, kLabels, &loss);
      test.Expect(StatusName(status.code)[0] == 'k', "status");
      f.file[i] ^= flip;
    }
  }
  ExpectStatus(test, f.Create(sizeof f.arena), StatusCode::kOk, "undamaged");
}

// Stands for another interpreter.
struct OtherLoop {
  Trainer* trainer;
  Span<uint8_t> arena;
  int runs = 0;
  bool fails = false;

  static Status Run(void* context, int32_t, const Subgraph& subgraph,
                    const float* loss) {
    auto* self = static_cast<OtherLoop*>(context);
    ++self->runs;
    if (self->fails) return Error(StatusCode::kBadArgument, "loop", 0, 1);
    return RunSubgraph(self->trainer->model(), subgraph, self->arena, loss);
  }
};

void TestExecutorRunsEverySubgraph(TestContext& test) {
  Fixture& f = Fresh();
  float wanted[kIn * kOut], loss = 0.0f, wanted_loss = 0.0f;
  ExpectStatus(test, f.Train(kXData, kLabels, &wanted_loss), StatusCode::kOk,
               "runner");
  ExpectStatus(test, f.Save(wanted), StatusCode::kOk, "runner's save");

  OtherLoop loop = {&f.trainer, {f.arena, sizeof f.arena}};
  const Executor executor = {&loop, OtherLoop::Run};
  const Span<uint8_t> arena(f.arena, sizeof f.arena);
  ExpectStatus(test, Trainer::Create(f.file, arena, &f.trainer, {}, &executor),
               StatusCode::kOk, "create");
  test.ExpectEqual(loop.runs, 1, "initial values");
  float weights[kIn * kOut];
  ExpectStatus(test, f.Train(kXData, kLabels, &loss), StatusCode::kOk, "train");
  ExpectStatus(test, f.Save(weights), StatusCode::kOk, "save");
  test.ExpectEqual(loop.runs, 3, "runs");
  test.ExpectSameBits(&loss, &wanted_loss, 1, "loss");
  test.ExpectSameBits(weights, wanted, kIn * kOut, "weights");
  loop.fails = true;
  ExpectStatus(test, f.Train(kXData, kLabels, &loss), StatusCode::kBadArgument,
               "its failure is the step's");
}

constexpr TestCase kTests[] = {
    {"trains_as_expected", TestTrainsAsExpected},
    {"in_place_is_the_same", TestInPlaceIsTheSame},
    {"queries", TestQueries},
    {"save_and_restore", TestSaveAndRestore},
    {"refused_steps_change_nothing", TestRefusedStepsChangeNothing},
    {"arena", TestArena},
    {"damaged_plans", TestDamagedPlans},
    {"unknown_op_is_named", TestUnknownOpIsNamed},
    {"work_is_bounded", TestWorkIsBounded},
    {"damaged_files", TestDamagedFiles},
    {"executor_runs_every_subgraph", TestExecutorRunsEverySubgraph},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
