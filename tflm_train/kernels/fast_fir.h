// SPDX-License-Identifier: Apache-2.0
// Long filters along one line with fewer multiplications: a fast FIR algorithm,
// two levels of Karatsuba's identity over even and odd samples (Parhi, VLSI
// Digital Signal Processing Systems, chapter 9). Four neighbouring outputs are
// made of nine filters of a quarter of the taps, where there would be sixteen.
//
// One level: with x0, x1 the even and odd samples and w0, w1 the even and odd
// taps, even outputs are (w0 + w1) x1 + w0 (x0 - x1), odd ones
// (w0 + w1) x1 + w1 (x0' - x1), where x0' is x0 moved on by one sample.
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

// Floats of the packed filter, and of the workspace of a line.
constexpr int FastFirFilterFloats(int taps) { return 9 * (taps / 4); }
constexpr int FastFirLineFloats(int taps) {
  return kFastFirBlock + taps + 9 * (taps / 4 + 2 * (kFastFirBlock / 4));
}

// In all, for a convolution of so many filters.
constexpr int FastFirFloats(int taps, int filters) {
  return filters * FastFirFilterFloats(taps) + FastFirLineFloats(taps);
}

// The gradient of such a filter is a filter too: its taps are the outputs, as
// many as the line has, and its outputs the taps. Workspace for so many filters
// that share a line.
constexpr int FastFirGradFloats(int taps, int filters) {
  return filters * 9 * (taps / 4) + 2 * kFastFirBlock + taps +
         9 * (taps / 4 + 2 * (kFastFirBlock / 4)) + taps / 4;
}

void PackFastFir(const float* w,  // [taps], `step` floats apart
                 int taps, int step,
                 float* packed);  // [9,taps / 4]

// As Correlate, for one line of terms, without stride and dilation.
void FastFir(const Correlation& correlation,
             const float* packed,  // [columns,9,taps / 4]
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
  float* sums_;      // [filters,9,taps / 4]
  float* x_;         // [kFastFirBlock + taps]
  float* dy_;        // [kFastFirBlock]
  float* x_parts_;   // [9,taps / 4 + kFastFirBlock / 4]
  float* dy_parts_;  // [9,kFastFirBlock / 4]
  float* block_;     // [taps / 4]
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_FAST_FIR_H_
