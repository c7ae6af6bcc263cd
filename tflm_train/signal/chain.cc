// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/signal/chain.h"

namespace biotrain {

bool Chain::Start(const ChainSettings& settings, float* state,
                  int state_floats) {
  settings_ = nullptr;
  if (settings.channels < 1 || settings.n_sections < 0 ||
      settings.moving_average < 0 || settings.running_scale < 0 ||
      state_floats < ChainStateFloats(settings)) {
    return false;
  }
  settings_ = &settings;
  first_ = state;
  sos_ = first_ + (settings.subtract_first ? settings.channels : 0);
  average_ = sos_ + SosStateFloats(settings.n_sections, settings.channels);
  scale_ = average_;
  if (settings.moving_average > 0) {
    scale_ +=
        MovingAverageStateFloats(settings.moving_average, settings.channels);
  }
  const int n = ChainStateFloats(settings);
  for (int i = 0; i < n; ++i) state[i] = 0.0f;
  place_ = {};
  seen_ = 0;
  started_ = false;
  return true;
}

void Chain::Process(float* x) {
  if (settings_ == nullptr) return;
  const ChainSettings& s = *settings_;
  if (s.subtract_first) {
    for (int c = 0; c < s.channels; ++c) {
      if (!started_) first_[c] = x[c];
      x[c] = x[c] - first_[c];
    }
    started_ = true;
  }
  SosFilter(s.sections, s.n_sections, s.channels, sos_, x);
  if (s.moving_average > 0) {
    SubtractMovingAverage(s.moving_average, s.channels, &place_, average_, x);
  }
  if (s.running_scale > 0) {
    RunningScale(s.running_scale, s.running_scale_floor, s.channels, &seen_,
                 scale_, x);
  }
}

}  // namespace biotrain
