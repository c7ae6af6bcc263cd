// SPDX-License-Identifier: Apache-2.0
// When to train, how much, and when to stop: all that there is to decide.
#ifndef TFLM_TRAIN_ADAPT_POLICY_H_
#define TFLM_TRAIN_ADAPT_POLICY_H_

#include <cstdint>

namespace biotrain {

struct AdaptPolicy {
  // An episode of training begins when a running mean has fallen below its
  // floor. Above 1: always; 0: never.
  float accuracy_floor = 0.8f;    // share of labelled windows told right
  float confidence_floor = 0.5f;  // probability of the class that is told
  // Windows that a running mean remembers. It counts when it has seen as many,
  // and begins anew after an episode, so this is also the rest between two.
  int32_t horizon = 16;
  // Labelled windows in the buffer before the first episode.
  int32_t min_windows = 16;

  // Optimiser steps. A power cut forgets those since the last save.
  int32_t steps_per_episode = 40;
  int32_t steps_per_day = 400;  // until NewDay()

  // One labelled window in so many validates, and is never trained on. The
  // score is the mean probability of the true class of these, in [0, 1].
  int32_t held_out_one_in = 4;
  int32_t check_every = 10;  // steps from one validation to the next
  int32_t patience = 2;      // validations without gain that end an episode
  float min_gain = 0.01f;    // of the score; what gains less is taken back
  // An episode whose mean loss between two validations is so much above that
  // before the first one has diverged, as has one whose loss is not finite.
  // In units of the loss.
  float loss_rise = 1.0f;

  uint32_t seed = 1;  // of what is held out and of what is drawn
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_ADAPT_POLICY_H_
