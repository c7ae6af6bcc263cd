// SPDX-License-Identifier: Apache-2.0
// A whole recipe: minus the first sample, sections, minus moving average,
// standardised; what is not wanted is left out. `biotrain_tf.data.recipe`
// designs it and writes the settings as a header.
#ifndef TFLM_TRAIN_SIGNAL_CHAIN_H_
#define TFLM_TRAIN_SIGNAL_CHAIN_H_

#include "tflm_train/signal/moving_average.h"
#include "tflm_train/signal/running_scale.h"
#include "tflm_train/signal/sos_filter.h"

namespace biotrain {

struct ChainSettings {
  float sampling_rate_hz = 0.0f;
  int channels = 0;
  // An electrode's offset, thousands of times the signal, would be rounded off
  // in the filters of low frequencies.
  bool subtract_first = false;
  const SosSection* sections = nullptr;  // (n_sections)
  int n_sections = 0;
  int moving_average = 0;  // samples, 0 for none
  int running_scale = 0;   // samples, 0 for none
  float running_scale_floor = 0.0f;
};

constexpr int ChainStateFloats(const ChainSettings& s) {
  return (s.subtract_first ? s.channels : 0) +
         SosStateFloats(s.n_sections, s.channels) +
         (s.moving_average > 0
              ? MovingAverageStateFloats(s.moving_average, s.channels)
              : 0) +
         (s.running_scale > 0 ? RunningScaleStateFloats(s.channels) : 0);
}

class Chain {
 public:
  // From rest. False if `state` (state_floats) is too small for `settings`, or
  // these have no channels; both must outlive the chain.
  [[nodiscard]] bool Start(const ChainSettings& settings, float* state,
                           int state_floats);

  // One sample of each channel, in place: x (channels).
  void Process(float* x);

 private:
  const ChainSettings* settings_ = nullptr;
  float* first_ = nullptr;
  float* sos_ = nullptr;
  float* average_ = nullptr;
  float* scale_ = nullptr;
  MovingAveragePlace place_;
  int seen_ = 0;
  bool started_ = false;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_SIGNAL_CHAIN_H_
