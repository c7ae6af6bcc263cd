// SPDX-License-Identifier: Apache-2.0
// Adapts a model to its wearer, when it has to.
//
//   biotrain::Adapter adapter;
//   Adapter::Create(&trainer, &store, policy, memory, &adapter);
//   for (;;) {
//     adapter.Offer(window, label, &prediction);  // or kNoLabel
//     while (idle() && adapter.state() == AdaptState::kTraining)
//       adapter.Step();  // one at a time
//   }
//
// Every call returns a Status, which must be looked at.
//
// kWatching --a running mean falls below its floor--> kTraining
// kTraining --budget, patience, or divergence--> kWatching, or kSpent
// kSpent    --NewDay()--> kWatching
//
// Outside an episode the weights in use are those in flash: the best so far. An
// episode that gains nothing is taken back by reading them again, so that it
// takes no RAM; one that gains saves at each validation that is better. With
// `snapshot` the best are kept in RAM, and flash is written once an episode.
#ifndef TFLM_TRAIN_ADAPT_ADAPTER_H_
#define TFLM_TRAIN_ADAPT_ADAPTER_H_

#include <cstdint>

#include "tflm_train/adapt/policy.h"
#include "tflm_train/adapt/window_buffer.h"
#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"
#include "tflm_train/micro/trainer.h"
#include "tflm_train/store/store.h"

namespace biotrain {

enum class AdaptState : uint8_t { kWatching, kTraining, kSpent };

// How the last episode ended.
enum class AdaptOutcome : uint8_t {
  kNone,      // there was none
  kGained,    // the best weights of the episode are in use, and saved
  kNoGain,    // taken back
  kDiverged,  // taken back, after a loss that rose or was not finite
};

// Memory of the caller's, which must outlive the adapter.
struct AdaptMemory {
  Span<uint8_t> windows;   // the buffer; as aligned as its samples
  Span<int32_t> labels;    // one a window of the buffer
  Span<float> output;      // as many as `infer` gives
  Span<uint8_t> snapshot;  // empty, or Trainer::SaveBytes()
  WindowFormat format;
};

// What is told of one window. The output of the model is taken for
// probabilities, as softmax or sigmoid give them.
struct AdaptPrediction {
  int32_t label = 0;
  float confidence = 0.0f;
};

// Counts, saved with the weights.
struct AdaptCounts {
  int32_t steps_today = 0;
  int32_t steps = 0;
  int32_t episodes = 0;
  int32_t taken_back = 0;  // episodes of those
  int32_t saves = 0;
  uint32_t random = 0;  // state of the draws
};

class Adapter {
 public:
  static constexpr int32_t kNoLabel = -1;
  static constexpr int32_t kMaxBatch = 64;
  // What the store must be opened with.
  static constexpr size_t kExtraBytes = sizeof(AdaptCounts);

  Adapter() = default;

  // Restores what `store` holds; where it holds nothing the weights are the
  // initial ones. From then on the trainer is the adapter's to change.
  static Status Create(Trainer* trainer, Store* store,
                       const AdaptPolicy& policy, const AdaptMemory& memory,
                       Adapter* adapter);

  // Infers a window; one with a label goes to the buffer, unless an episode is
  // running, whose windows must not change.
  Status Offer(const void* window, int32_t label, AdaptPrediction* prediction);

  // One optimiser step, or one validation; nothing unless kTraining. An error
  // ends the episode, taken back.
  Status Step();

  // The budget of the day is whole again.
  void NewDay();

  AdaptState state() const { return state_; }
  AdaptOutcome outcome() const { return outcome_; }
  const AdaptCounts& counts() const { return counts_; }
  const WindowBuffer& buffer() const { return buffer_; }
  float accuracy() const { return accuracy_.value; }
  float confidence() const { return confidence_.value; }
  // Of the last episode's validations: the first, and the best.
  float score_before() const { return score_before_; }
  float score_best() const { return score_best_; }
  // Since Create, those of validations included.
  int32_t inferences() const { return inferences_; }

 private:
  // Of the last `horizon` values, roughly: older ones fade.
  struct RunningMean {
    float value = 0.0f;
    int32_t seen = 0;
    void Add(float next, int32_t horizon) {
      if (seen < horizon) ++seen;
      value += (next - value) / static_cast<float>(seen);
    }
    bool IsBelow(float floor, int32_t horizon) const {
      return seen >= horizon && value < floor;
    }
  };

  Status Infer(const void* window);
  AdaptPrediction Told() const;
  float ProbabilityOf(int32_t label) const;
  void MaybeBegin();
  Status Validate(float* score);
  Status TrainOnce(float* loss);
  Status Check();
  Status Keep();
  Status TakeBack();
  Status End(AdaptOutcome outcome);
  Status Abandon(const Status& cause);

  Trainer* trainer_ = nullptr;
  Store* store_ = nullptr;
  AdaptPolicy policy_;
  WindowBuffer buffer_;
  Span<float> output_;
  Span<uint8_t> snapshot_;
  int32_t batch_ = 0;
  Tensor labels_;  // the y of train
  AdaptState state_ = AdaptState::kWatching;
  AdaptOutcome outcome_ = AdaptOutcome::kNone;
  AdaptCounts counts_;
  RunningMean accuracy_, confidence_;
  int32_t inferences_ = 0;

  // Of the episode that is running.
  bool validated_ = false;
  int32_t episode_steps_ = 0;
  int32_t steps_since_kept_ = 0;
  int32_t misses_ = 0;
  bool gained_ = false;
  float score_before_ = 0.0f, score_best_ = 0.0f;
  float loss_sum_ = 0.0f, first_loss_ = 0.0f;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_ADAPT_ADAPTER_H_
