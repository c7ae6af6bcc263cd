// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/adapt/adapter.h"

#include <cstring>

namespace biotrain {
namespace {

Status BadArgument(const char* what, int64_t wanted, int64_t found) {
  return Error(StatusCode::kBadArgument, what, wanted, found);
}

// NaN and what is no probability count as none.
float Probability(float value) {
  return value > 0.0f ? (value < 1.0f ? value : 1.0f) : 0.0f;
}

// The windows of one batch, or one window that is not in the buffer.
struct Batch {
  const WindowBuffer& buffer;
  const void* window;
  const int32_t* chosen;

  static const void* Get(void* context, int32_t i, void* to, size_t) {
    const auto& self = *static_cast<const Batch*>(context);
    const void* window = self.chosen == nullptr
                             ? self.window
                             : self.buffer.Window(self.chosen[i]);
    return self.buffer.ForModel(window, to);
  }
};

Status CheckPolicy(const AdaptPolicy& policy) {
  const struct {
    const char* what;
    int32_t least;
    int32_t found;
  } rules[] = {
      {"horizon", 1, policy.horizon},
      {"min_windows", 2, policy.min_windows},
      {"steps_per_episode", 1, policy.steps_per_episode},
      {"held_out_one_in", 2, policy.held_out_one_in},
      {"check_every", 1, policy.check_every},
      {"patience", 1, policy.patience},
  };
  for (const auto& rule : rules) {
    if (rule.found < rule.least) {
      return BadArgument(rule.what, rule.least, rule.found);
    }
  }
  return {};
}

}  // namespace

Status Adapter::Create(Trainer* trainer, Store* store,
                       const AdaptPolicy& policy, const AdaptMemory& memory,
                       Adapter* adapter) {
  *adapter = Adapter();
  Tensor x;
  Status status = CheckPolicy(policy);
  if (status.ok()) status = trainer->Input("train", "x", &x);
  if (status.ok()) status = trainer->Input("train", "y", &adapter->labels_);
  if (!status.ok()) return status;
  const auto elements =
      static_cast<int32_t>(trainer->InputElements("infer", "x"));
  const size_t outputs = trainer->OutputElements("infer", "output");
  if (memory.output.size() != outputs) {
    return BadArgument("output", outputs, memory.output.size());
  }
  const TensorType type = memory.format.type;
  if (type != x.type &&
      !(type == TensorType::kInt16 && x.type == TensorType::kFloat32)) {
    return Error(StatusCode::kBadType, "windows", static_cast<int>(x.type),
                 static_cast<int>(type));
  }
  adapter->batch_ = x.dims[0];
  if (adapter->batch_ > kMaxBatch) {
    return BadArgument("batch", kMaxBatch, adapter->batch_);
  }
  adapter->buffer_ = WindowBuffer(memory.windows, memory.labels, memory.format,
                                  x.type, elements);
  if (adapter->buffer_.capacity() < policy.min_windows) {
    return BadArgument("windows", policy.min_windows,
                       adapter->buffer_.capacity());
  }
  const size_t snapshot = memory.snapshot.size();
  if (snapshot != 0 && snapshot != trainer->SaveBytes()) {
    return BadArgument("snapshot", trainer->SaveBytes(), snapshot);
  }
  adapter->trainer_ = trainer;
  adapter->store_ = store;
  adapter->policy_ = policy;
  adapter->output_ = memory.output;
  adapter->snapshot_ = memory.snapshot;
  adapter->counts_.random = MixBits(policy.seed);
  AdaptCounts saved;
  if (!store->has_state()) return trainer->Reset();
  status = store->Restore(trainer,
                          {reinterpret_cast<uint8_t*>(&saved), sizeof saved});
  if (status.ok()) adapter->counts_ = saved;
  return status;
}

Status Adapter::Infer(const void* window) {
  Batch one = {buffer_, window, nullptr};
  ++inferences_;
  return trainer_->Infer(SampleSource{&one, Batch::Get}, output_);
}

// One output is the probability of class 1 of two.
AdaptPrediction Adapter::Told() const {
  if (output_.size() == 1) {
    const float p = Probability(output_[0]);
    return p > 0.5f ? AdaptPrediction{1, p} : AdaptPrediction{0, 1.0f - p};
  }
  AdaptPrediction best = {0, Probability(output_[0])};
  for (size_t i = 1; i < output_.size(); ++i) {
    const float p = Probability(output_[i]);
    if (p > best.confidence) best = {static_cast<int32_t>(i), p};
  }
  return best;
}

float Adapter::ProbabilityOf(int32_t label) const {
  if (output_.size() != 1) return Probability(output_[label]);
  if (!(output_[0] == output_[0])) return 0.0f;
  const float p = Probability(output_[0]);
  return label == 1 ? p : 1.0f - p;
}

Status Adapter::Offer(const void* window, int32_t label,
                      AdaptPrediction* prediction) {
  if (trainer_ == nullptr) return BadArgument("adapter", 1, 0);
  const auto classes =
      static_cast<int32_t>(output_.size() == 1 ? 2 : output_.size());
  if (label != kNoLabel && (label < 0 || label >= classes)) {
    return Error(StatusCode::kLabelOutOfRange, "label", classes, label);
  }
  const Status status = Infer(window);
  if (!status.ok()) return status;
  *prediction = Told();
  if (state_ == AdaptState::kTraining) return {};
  confidence_.Add(prediction->confidence, policy_.horizon);
  if (label != kNoLabel) {
    accuracy_.Add(prediction->label == label ? 1.0f : 0.0f, policy_.horizon);
    buffer_.Add(window, label, policy_.seed, policy_.held_out_one_in);
  }
  MaybeBegin();
  return {};
}

void Adapter::MaybeBegin() {
  const int32_t held_out = buffer_.held_out();
  if (state_ != AdaptState::kWatching || buffer_.size() < policy_.min_windows ||
      held_out == 0 || held_out == buffer_.size()) {
    return;
  }
  if (!accuracy_.IsBelow(policy_.accuracy_floor, policy_.horizon) &&
      !confidence_.IsBelow(policy_.confidence_floor, policy_.horizon)) {
    return;
  }
  if (counts_.steps_today >= policy_.steps_per_day) {
    state_ = AdaptState::kSpent;
    return;
  }
  state_ = AdaptState::kTraining;
  ++counts_.episodes;
  validated_ = gained_ = false;
  episode_steps_ = steps_since_kept_ = misses_ = 0;
  loss_sum_ = first_loss_ = 0.0f;
}

void Adapter::NewDay() {
  counts_.steps_today = 0;
  if (state_ == AdaptState::kSpent) state_ = AdaptState::kWatching;
}

Status Adapter::Step() {
  if (state_ != AdaptState::kTraining) return {};
  if (!validated_) {
    Status status = Validate(&score_before_);
    if (status.ok() && !snapshot_.empty()) status = trainer_->Save(snapshot_);
    score_best_ = score_before_;
    validated_ = true;
    return status.ok() ? status : Abandon(status);
  }
  float loss;
  const Status status = TrainOnce(&loss);
  if (status.code == StatusCode::kLossNotFinite ||
      status.code == StatusCode::kMomentumLost) {
    return End(AdaptOutcome::kDiverged);
  }
  if (!status.ok()) return Abandon(status);
  loss_sum_ += loss;
  ++counts_.steps;
  ++counts_.steps_today;
  ++episode_steps_;
  ++steps_since_kept_;
  const bool is_last = episode_steps_ == policy_.steps_per_episode ||
                       counts_.steps_today >= policy_.steps_per_day;
  if (!is_last && episode_steps_ % policy_.check_every != 0) return {};
  // The rest of an episode has fewer steps; its mean would be of other windows.
  if (episode_steps_ % policy_.check_every == 0) {
    const float mean = loss_sum_ / static_cast<float>(policy_.check_every);
    loss_sum_ = 0.0f;
    if (episode_steps_ == policy_.check_every) first_loss_ = mean;
    if (!(mean <= first_loss_ + policy_.loss_rise)) {
      return End(AdaptOutcome::kDiverged);
    }
  }
  const Status checked = Check();
  if (!checked.ok()) return Abandon(checked);
  if (!is_last && misses_ < policy_.patience) return {};
  return End(gained_ ? AdaptOutcome::kGained : AdaptOutcome::kNoGain);
}

Status Adapter::Validate(float* score) {
  float sum = 0.0f;
  for (int32_t i = 0; i < buffer_.size(); ++i) {
    if (!buffer_.IsHeldOut(i)) continue;
    const Status status = Infer(buffer_.Window(i));
    if (!status.ok()) return status;
    sum += ProbabilityOf(buffer_.Label(i));
  }
  *score = sum / static_cast<float>(buffer_.held_out());
  return {};
}

Status Adapter::TrainOnce(float* loss) {
  int32_t chosen[kMaxBatch];
  const bool sparse = labels_.type == TensorType::kInt32;
  const int32_t columns = labels_.elements / batch_;
  for (int32_t i = 0; i < batch_; ++i) {
    counts_.random = MixBits(counts_.random + 0x9e3779b9u);
    chosen[i] = buffer_.NextToTrainOn(
        static_cast<int32_t>(counts_.random % buffer_.size()));
    const int32_t label = buffer_.Label(chosen[i]);
    if (sparse) {
      labels_.ints()[i] = label;
      continue;
    }
    float* const row = labels_.floats() + i * columns;
    for (int32_t c = 0; c < columns; ++c) row[c] = c == label ? 1.0f : 0.0f;
    if (columns == 1) row[0] = static_cast<float>(label);
  }
  Batch batch = {buffer_, nullptr, chosen};
  const SampleSource source = {&batch, Batch::Get};
  const auto elements = static_cast<size_t>(labels_.elements);
  return sparse
             ? trainer_->Train(
                   source, Span<const int32_t>(labels_.ints(), elements), loss)
             : trainer_->Train(
                   source, Span<const float>(labels_.floats(), elements), loss);
}

Status Adapter::Check() {
  float score;
  const Status status = Validate(&score);
  if (!status.ok()) return status;
  if (!(score >= score_best_ + policy_.min_gain)) {
    ++misses_;
    return {};
  }
  score_best_ = score;
  misses_ = 0;
  return Keep();
}

Status Adapter::Keep() {
  gained_ = true;
  steps_since_kept_ = 0;
  if (!snapshot_.empty()) return trainer_->Save(snapshot_);
  ++counts_.saves;
  return store_->Save(*trainer_,
                      {reinterpret_cast<uint8_t*>(&counts_), sizeof counts_});
}

// To the best of this episode, or to what was before it.
Status Adapter::TakeBack() {
  if (!snapshot_.empty()) return trainer_->Restore(snapshot_);
  if (!store_->has_state()) return trainer_->Reset();
  AdaptCounts older;
  return store_->Restore(trainer_,
                         {reinterpret_cast<uint8_t*>(&older), sizeof older});
}

Status Adapter::End(AdaptOutcome outcome) {
  outcome_ = outcome == AdaptOutcome::kDiverged && gained_
                 ? AdaptOutcome::kGained
                 : outcome;
  if (!gained_) ++counts_.taken_back;
  state_ = counts_.steps_today < policy_.steps_per_day ? AdaptState::kWatching
                                                       : AdaptState::kSpent;
  // What comes next is judged by itself.
  accuracy_ = confidence_ = RunningMean();
  if (steps_since_kept_ > 0 || !gained_) {
    const Status status = TakeBack();
    if (!status.ok()) return status;
  }
  if (!gained_ || snapshot_.empty()) return {};
  ++counts_.saves;
  return store_->Save(*trainer_,
                      {reinterpret_cast<uint8_t*>(&counts_), sizeof counts_});
}

Status Adapter::Abandon(const Status& cause) {
  const Status ended = End(AdaptOutcome::kNoGain);
  return ended.ok() ? cause : ended;
}

}  // namespace biotrain
