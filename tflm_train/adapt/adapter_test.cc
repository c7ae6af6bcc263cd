// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/adapt/adapter.h"

#include <cstring>

#include "tflm_train/micro/dense_model_test.h"
#include "tflm_train/store/ram_flash.h"
#include "tflm_train/testing/micro_test.h"
#include "tflm_train/testing/test_data.h"

namespace biotrain {
namespace {

constexpr FlashGeometry kGeometry = {64, 4, 8, 0xff};
constexpr int kCapacity = 24;
constexpr size_t kStateBytes = kIn * kOut * sizeof(float);

AdaptPolicy TestPolicy() {
  AdaptPolicy policy;
  policy.horizon = 8;
  policy.min_windows = 12;
  return policy;
}

// A wearable: a trainer, a flash, a buffer, and windows whose meaning changes.
class Wearable {
 public:
  explicit Wearable(const AdaptPolicy& policy, bool snapshot = false,
                    TensorType type = TensorType::kFloat32)
      : f_(Fresh()), policy_(policy), snapshot_(snapshot), type_(type) {
    std::memset(flash_bytes_, 0xff, sizeof flash_bytes_);
  }

  // As after a reset: only the flash is what it was.
  Status Start() {
    Status status = f_.trainer.Reset();
    if (!status.ok()) return status;
    status =
        Store::Open(ram_.flash(), f_.trainer, Adapter::kExtraBytes, &store_);
    if (!status.ok()) return status;
    const Span<uint8_t> none;
    const AdaptMemory memory = {
        {reinterpret_cast<uint8_t*>(windows_), sizeof windows_},
        labels_,
        output_,
        snapshot_ ? Span<uint8_t>(snapshot_bytes_) : none,
        {type_, 1.0f / 1024.0f}};
    return Adapter::Create(&f_.trainer, &store_, policy_, memory, &adapter);
  }

  // Windows of both classes in turn; `swapped`: with the other's label. Every
  // episode runs to its end. Returns how many were told right.
  int Wear(int windows, bool swapped, float gain = 1.0f) {
    int right = 0;
    for (int i = 0; i < windows; ++i) {
      const int seen = i % 2;
      const int label = swapped ? 1 - seen : seen;
      const float noise = 0.2f * random_.Uniform();
      float x[kIn] = {seen == 0 ? gain : 0.0f, seen == 1 ? gain : 0.0f, noise};
      int16_t codes[kIn];
      for (int c = 0; c < kIn; ++c) {
        codes[c] = static_cast<int16_t>(x[c] * 1024.0f);
      }
      const void* window = x;
      if (type_ == TensorType::kInt16) window = codes;
      AdaptPrediction told;
      last = adapter.Offer(window, label, &told);
      if (!last.ok()) return -1;
      right += told.label == label;
      for (int step = 0; adapter.state() == AdaptState::kTraining; ++step) {
        last = adapter.Step();
        if (!last.ok() || step > 1000) return -1;
      }
    }
    return right;
  }
  void Weights(float* weights) const {
    if (!f_.Save(weights).ok()) weights[0] = __builtin_nanf("");
  }

  Adapter adapter;
  Status last;

 private:
  Fixture& f_;
  AdaptPolicy policy_;
  bool snapshot_;
  TensorType type_;
  uint8_t flash_bytes_[256];
  RamFlash ram_{flash_bytes_, kGeometry};
  Store store_;
  float windows_[kCapacity * kIn];
  int32_t labels_[kCapacity];
  float output_[kOut];
  uint8_t snapshot_bytes_[kStateBytes];
  TestRandom random_{11};
};

void TrainsWhenItHasTo(TestContext& test, bool snapshot, TensorType type) {
  Wearable w(TestPolicy(), snapshot, type);
  ExpectStatus(test, w.Start(), StatusCode::kOk, "start");
  w.Wear(60, false);
  const AdaptCounts first = w.adapter.counts();
  test.Expect(first.episodes >= 1 && first.saves >= 1, "it has trained");
  test.ExpectEqual(static_cast<int>(w.adapter.outcome()),
                   static_cast<int>(AdaptOutcome::kGained), "gained");
  test.Expect(w.adapter.score_best() > w.adapter.score_before(), "score");
  test.ExpectEqual(w.Wear(60, false), 60, "all right");
  test.ExpectEqual(w.adapter.counts().episodes, first.episodes, "and rests");
  const int right = w.Wear(120, true);
  test.Expect(right < 115 && right > 60, "worse for a while");
  test.Expect(w.adapter.counts().episodes > first.episodes, "trains again");
  test.ExpectEqual(w.Wear(40, true), 40, "all right again");
}

void TestTrainsWhenItHasTo(TestContext& test) {
  TrainsWhenItHasTo(test, false, TensorType::kFloat32);
}
void TestSnapshotInRam(TestContext& test) {
  TrainsWhenItHasTo(test, true, TensorType::kFloat32);
}
void TestCodes(TestContext& test) {
  TrainsWhenItHasTo(test, false, TensorType::kInt16);
}

void TestIsDeterministic(TestContext& test) {
  float weights[2][kIn * kOut];
  int32_t steps[2];
  for (int run = 0; run < 2; ++run) {
    Wearable w(TestPolicy());
    ExpectStatus(test, w.Start(), StatusCode::kOk, "start");
    w.Wear(100, false);
    w.Wear(100, true);
    w.Weights(weights[run]);
    steps[run] = w.adapter.counts().steps;
  }
  test.Expect(steps[0] > 20, "steps");
  test.ExpectEqual(steps[0], steps[1], "steps");
  test.ExpectSameBits(weights[0], weights[1], kIn * kOut, "weights");
}

void TestGoesOnAfterAPowerCut(TestContext& test) {
  Wearable w(TestPolicy());
  ExpectStatus(test, w.Start(), StatusCode::kOk, "start");
  w.Wear(80, false);
  float before[kIn * kOut], after[kIn * kOut];
  w.Weights(before);
  const AdaptCounts counts = w.adapter.counts();
  ExpectStatus(test, w.Start(), StatusCode::kOk, "start again");
  w.Weights(after);
  test.ExpectSameBits(after, before, kIn * kOut, "weights");
  test.ExpectEqual(w.adapter.counts().saves, counts.saves, "saves");
  test.Expect(w.adapter.counts().steps > 0, "steps");
  test.ExpectEqual(w.Wear(20, false), 20, "all right");
}

// Labels that nothing can learn: whatever an episode does is taken back.
void TestTakesBack(TestContext& test) {
  for (int snapshot = 0; snapshot < 2; ++snapshot) {
    AdaptPolicy policy = TestPolicy();
    policy.min_gain = 0.5f;
    policy.accuracy_floor = 1.1f;
    Wearable w(policy, snapshot == 1);
    ExpectStatus(test, w.Start(), StatusCode::kOk, "start");
    w.Wear(40, false);
    test.Expect(w.adapter.counts().episodes >= 2, "episodes");
    test.ExpectEqual(w.adapter.counts().taken_back, w.adapter.counts().episodes,
                     "taken back");
    test.ExpectEqual(w.adapter.counts().saves, 0, "saves");
    test.ExpectEqual(static_cast<int>(w.adapter.outcome()),
                     static_cast<int>(AdaptOutcome::kNoGain), "outcome");
    float weights[kIn * kOut];
    w.Weights(weights);
    test.ExpectSameBits(weights, kInitial, kIn * kOut, "weights");
  }
}

void TestDivergence(TestContext& test) {
  // The loss rises; the loss is not finite.
  for (const float gain : {40.0f, 3e19f}) {
    AdaptPolicy policy = TestPolicy();
    policy.accuracy_floor = 1.1f;
    policy.check_every = 2;
    policy.patience = 100;
    Wearable w(policy);
    ExpectStatus(test, w.Start(), StatusCode::kOk, "start");
    w.Wear(12, false, gain);
    test.ExpectEqual(w.adapter.counts().episodes, 1, "episodes");
    test.ExpectEqual(static_cast<int>(w.adapter.outcome()),
                     static_cast<int>(AdaptOutcome::kDiverged), "outcome");
    test.Expect(w.adapter.counts().steps < 10, "it stops early");
    float weights[kIn * kOut];
    w.Weights(weights);
    test.ExpectSameBits(weights, kInitial, kIn * kOut, "weights");
  }
}

void TestBudget(TestContext& test) {
  AdaptPolicy policy = TestPolicy();
  policy.accuracy_floor = 1.1f;
  policy.steps_per_episode = 7;
  policy.steps_per_day = 17;
  policy.patience = 100;
  Wearable w(policy);
  ExpectStatus(test, w.Start(), StatusCode::kOk, "start");
  w.Wear(200, false);
  test.ExpectEqual(w.adapter.counts().steps, 17, "steps of the day");
  test.ExpectEqual(w.adapter.counts().episodes, 3, "episodes");
  test.Expect(w.adapter.state() == AdaptState::kSpent, "spent");
  w.adapter.NewDay();
  test.Expect(w.adapter.state() == AdaptState::kWatching, "a new day");
  w.Wear(200, false);
  test.ExpectEqual(w.adapter.counts().steps, 34, "steps of two days");
}

void TestConfidenceTriggersWithoutLabels(TestContext& test) {
  AdaptPolicy policy = TestPolicy();
  policy.accuracy_floor = 0.0f;
  policy.confidence_floor = 0.0f;
  policy.horizon = 4;
  Wearable w(policy);
  ExpectStatus(test, w.Start(), StatusCode::kOk, "start");
  w.Wear(24, false);
  test.ExpectEqual(w.adapter.counts().episodes, 0, "never");
  policy.confidence_floor = 0.85f;
  Wearable v(policy);
  ExpectStatus(test, v.Start(), StatusCode::kOk, "start");
  v.Wear(40, false);
  const int32_t episodes = v.adapter.counts().episodes;
  test.Expect(episodes >= 1, "below the floor at first");
  const float nothing[kIn] = {};
  AdaptPrediction told;
  for (int i = 0; i < 12; ++i) {
    ExpectStatus(test, v.adapter.Offer(nothing, Adapter::kNoLabel, &told),
                 StatusCode::kOk, "offer");
  }
  test.Expect(v.adapter.state() == AdaptState::kTraining, "unsure, so trains");
  test.ExpectEqual(v.adapter.counts().episodes, episodes + 1, "episodes");
}

void TestRefusals(TestContext& test) {
  AdaptPolicy policy = TestPolicy();
  policy.min_windows = kCapacity + 1;
  Wearable small(policy);
  const Status status = small.Start();
  ExpectStatus(test, status, StatusCode::kBadArgument, "buffer");
  test.ExpectEqual(status.wanted * 100 + status.found, 2524, "windows");
  policy = TestPolicy();
  policy.held_out_one_in = 1;
  Wearable all(policy);
  ExpectStatus(test, all.Start(), StatusCode::kBadArgument, "all held out");
  Adapter none;
  AdaptPrediction told;
  const float x[kIn] = {};
  ExpectStatus(test, none.Offer(x, 0, &told), StatusCode::kBadArgument, "none");
  Wearable w(TestPolicy());
  ExpectStatus(test, w.Start(), StatusCode::kOk, "start");
  ExpectStatus(test, w.adapter.Offer(x, 2, &told), StatusCode::kLabelOutOfRange,
               "label");
  ExpectStatus(test, w.adapter.Step(), StatusCode::kOk, "nothing to do");
}

constexpr TestCase kTests[] = {
    {"trains_when_it_has_to", TestTrainsWhenItHasTo},
    {"snapshot_in_ram", TestSnapshotInRam},
    {"codes", TestCodes},
    {"is_deterministic", TestIsDeterministic},
    {"goes_on_after_a_power_cut", TestGoesOnAfterAPowerCut},
    {"takes_back", TestTakesBack},
    {"divergence", TestDivergence},
    {"budget", TestBudget},
    {"confidence_triggers_without_labels", TestConfidenceTriggersWithoutLabels},
    {"refusals", TestRefusals},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
