// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/step_factors.h"

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/sums.h"

namespace biotrain {
namespace {

// base^n by squaring.
double Power(double base, int32_t n) {
  double result = 1.0;
  for (; n > 0; n >>= 1) {
    if (n & 1) result *= base;
    base *= base;
  }
  return result;
}

// cos(pi x) for x in [0, 1], by the series of -sin(pi (x - 1/2)).
double CosPi(double x) {
  constexpr double kPi = 3.14159265358979323846;
  const double angle = kPi * (0.5 - x);
  const double z = angle * angle;
  double term = 1.0, sum = 1.0;
  for (int n = 1; n <= 9; ++n) {
    term *= -z / static_cast<double>(2 * n * (2 * n + 1));
    sum += term;
  }
  return angle * sum;
}

float Rate(const StepParams& params, int32_t step) {
  if (params.schedule_steps == 0) {
    return static_cast<float>(params.learning_rate);
  }
  const int32_t end = params.schedule_steps;
  const double done =
      static_cast<double>(step < end ? step : end) / static_cast<double>(end);
  return static_cast<float>(params.learning_rate * 0.5 * (1.0 + CosPi(done)));
}

// Keras has beta as a float, and 1 - beta^t is rounded like there.
float Correction(double beta, int32_t update) {
  const double rounded = static_cast<double>(static_cast<float>(beta));
  return 1.0f - static_cast<float>(Power(rounded, update));
}

}  // namespace

void StepFactors(const StepParams& params, int32_t step,
                 const float* square_norm, float factors[kStepFactors],
                 float* hold) {
  const int32_t update = step / params.accumulate;
  const bool ends = step % params.accumulate == params.accumulate - 1;
  const float rate = Rate(params, step);
  factors[kRate] = rate;
  if (params.beta_2 > 0.0) {
    factors[kRate] = rate * Sqrt(Correction(params.beta_2, update + 1)) /
                     Correction(params.beta_1, update + 1);
  }
  factors[kKeep] = 1.0f - rate * static_cast<float>(params.weight_decay);
  factors[kScale] = 1.0f / static_cast<float>(params.accumulate);
  if (square_norm != nullptr) {
    const float clip = static_cast<float>(params.clip_norm);
    const float norm = Sqrt(*square_norm) * factors[kScale];
    // A norm that is no number stays one.
    if (!(norm <= clip)) factors[kScale] *= clip / norm;
  }
  const bool turn = update % params.turns == params.turn;
  factors[kActive] = ends && turn ? 1.0f : 0.0f;
  *hold = ends ? 0.0f : 1.0f;
}

void SquareSum(const float* x, int n, float* sum) {
  ChunkedSums<1> sums;
  sums.AddRows(
      n, [&](int i, float* partial) { *partial = Fma(x[i], x[i], *partial); });
  *sum = sums.Total(0);
}

}  // namespace biotrain
