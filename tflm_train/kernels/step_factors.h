// SPDX-License-Identifier: Apache-2.0
// What an update depends on besides weights and gradients: the number of the
// step, and the norm of all gradients. No libm: the same bits everywhere.
#ifndef TFLM_TRAIN_KERNELS_STEP_FACTORS_H_
#define TFLM_TRAIN_KERNELS_STEP_FACTORS_H_

#include <cstdint>

namespace biotrain {

struct StepParams {
  double learning_rate;
  int32_t schedule_steps;  // of a cosine to zero; 0: a constant rate
  double beta_1, beta_2;   // of Adam's bias correction; 0: none
  double weight_decay;     // decoupled, times the rate
  double clip_norm;        // of all gradients together; 0: none
  int32_t accumulate;      // calls for one update
  int32_t turns, turn;     // moves at every turns-th update, the turn-th
};

// The places of the four factors in a tensor.
enum StepFactor { kRate, kKeep, kScale, kActive, kStepFactors };

// Of call `step`, from 0. square_norm: of the sum of the gradients, or null.
// hold: 0 where sums of gradients begin anew after this call, else 1.
void StepFactors(const StepParams& params, int32_t step,
                 const float* square_norm, float factors[kStepFactors],
                 float* hold);

// Sum of the squares of x[n].
void SquareSum(const float* x, int n, float* sum);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_STEP_FACTORS_H_
