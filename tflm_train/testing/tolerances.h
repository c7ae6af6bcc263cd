// SPDX-License-Identifier: Apache-2.0
// Every tolerance of the kernel tests, beside the largest error measured
// (bits_test.cc: all targets compute the same bits). Relative to the largest
// value of the tensor unless said otherwise.
#ifndef TFLM_TRAIN_TESTING_TOLERANCES_H_
#define TFLM_TRAIN_TESTING_TOLERANCES_H_

namespace biotrain {
namespace tolerance {

// Against the same loops in double.
inline constexpr double kConv = 2e-6;       // 9.8e-7
inline constexpr double kDepthwise = 2e-6;  // 9.8e-7
// Fewer products, but of sums.
inline constexpr double kFastFir = 4e-6;      // 1.6e-6
inline constexpr double kPool = 1e-6;         // 2.0e-7
inline constexpr double kMatMul = 2e-6;       // 7.4e-7
inline constexpr double kNorm = 1e-6;         // 3.1e-7
inline constexpr double kNormGrad = 5e-6;     // 1.1e-6
inline constexpr double kSoftmax = 1e-6;      // 2.3e-7
inline constexpr double kActivation = 1e-6;   // 2.4e-7
inline constexpr double kGelu = 1e-6;         // 2.6e-7
inline constexpr double kAttention = 2e-6;    // 2.4e-7
inline constexpr double kUpdate = 1e-6;       // 5.9e-8
inline constexpr double kSums = 1e-6;         // 5.2e-8
inline constexpr double kStepFactors = 1e-6;  // 2.2e-7

// Of a recorded signal, against the same recursion in double: filters whose
// poles lie near the unit circle carry errors on for many samples.
inline constexpr double kSections = 2e-5;  // 1.2e-5
// Absolute: of samples of 1000, and of 5.
inline constexpr double kMovingAverage = 1e-3;  // 2.8e-4
inline constexpr double kRunningScale = 5e-6;   // 8.8e-7

// Against finite differences of the forward pass in double, absolute.
inline constexpr double kFiniteDifference = 1e-5;  // 2.5e-6

// In units in the last place, against libm in double.
inline constexpr double kExpUlp = 1.5;       // 1.00
inline constexpr double kExpm1Ulp = 2.0;     // 1.51
inline constexpr double kLogUlp = 1.0;       // 0.78
inline constexpr double kTanhUlp = 2.0;      // 1.30
inline constexpr double kLogisticUlp = 2.5;  // 2.08

}  // namespace tolerance
}  // namespace biotrain

#endif  // TFLM_TRAIN_TESTING_TOLERANCES_H_
