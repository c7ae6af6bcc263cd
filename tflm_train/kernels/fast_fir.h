// SPDX-License-Identifier: Apache-2.0
// Long filters along one line with fewer multiplications: the minimal filtering
// algorithm F(4, 4) of Winograd and Toom-Cook (Blahut, Fast Algorithms for
// Signal Processing, chapter 5) over samples and taps that are four apart. Four
// neighbouring outputs are made of seven filters of a quarter of the taps,
// where there would be sixteen.
//
// Products of polynomials are taken at the points 0, 1, -1, 2, -2, 1/2 and
// infinity. Measured against double on white and on 1/f noise, with and without
// an offset, its rounding is twice that of the usual order: 1e-6 of the
// largest.
#ifndef TFLM_TRAIN_KERNELS_FAST_FIR_H_
#define TFLM_TRAIN_KERNELS_FAST_FIR_H_

#include "tflm_train/kernels/correlate.h"

namespace biotrain {

// Filters of so many taps, or a multiple, over lines of at least so many
// outputs.
constexpr int kFastFirTaps = 64;
constexpr int kFastFirOutputs = 240;
constexpr int kFastFirBlock = 480;  // outputs at a time

constexpr bool FitsFastFir(int taps, int outputs) {
  return taps % kFastFirTaps == 0 && outputs >= kFastFirOutputs;
}

constexpr int kFastFirParts = 7;

// Floats of the packed filter, and of the workspace of a line.
constexpr int FastFirFilterFloats(int taps) {
  return kFastFirParts * (taps / 4);
}
constexpr int FastFirLineFloats(int taps) {
  return kFastFirBlock + taps +
         kFastFirParts * (taps / 4 + 2 * (kFastFirBlock / 4));
}

// In all, for a convolution of so many filters.
constexpr int FastFirFloats(int taps, int filters) {
  return filters * FastFirFilterFloats(taps) + FastFirLineFloats(taps);
}

// The gradient of such a filter is a filter too: its taps are the outputs, as
// many as the line has, and its outputs the taps. Workspace for so many filters
// that share a line.
constexpr int FastFirGradFloats(int taps, int filters) {
  return filters * FastFirFilterFloats(taps) + kFastFirBlock +
         FastFirLineFloats(taps) + taps / 4;
}

void PackFastFir(const float* w,  // [taps], `step` floats apart
                 int taps, int step,
                 float* packed);  // [kFastFirParts,taps / 4]

// As Correlate, for one line of terms, without stride and dilation.
void FastFir(const Correlation& correlation,
             const float* packed,  // [columns,kFastFirParts,taps / 4]
             float* workspace);    // [FastFirLineFloats(taps)]

class FastFirGrad {
 public:
  FastFirGrad(int taps, int filters,
              float* workspace);  // [FastFirGradFloats(taps, filters)]

  // Adds what one line of inputs and outputs gives; `dy_filter` floats from
  // the outputs of one filter to those of the next.
  void AddLine(const float* x,  // [width]
               int width, int pad,
               const float* dy,  // [outputs] of the first filter
               int outputs, int dy_filter);

  // dw: [filters,taps]
  void Save(float* dw) const;

 private:
  int taps_;
  int filters_;
  float* sums_;      // [filters,kFastFirParts,taps / 4]
  float* x_;         // [kFastFirBlock + taps]
  float* dy_;        // [kFastFirBlock]
  float* x_parts_;   // [kFastFirParts,(taps + kFastFirBlock) / 4]
  float* dy_parts_;  // [kFastFirParts,kFastFirBlock / 4]
  float* block_;     // [taps / 4]
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_FAST_FIR_H_
