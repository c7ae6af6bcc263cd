// SPDX-License-Identifier: Apache-2.0
// The filters of a convolution that may use a fast FIR algorithm.
#ifndef TFLM_TRAIN_KERNELS_FAST_FILTERS_H_
#define TFLM_TRAIN_KERNELS_FAST_FILTERS_H_

#include "tflm_train/kernels/fast_fir.h"
#include "tflm_train/kernels/geometry.h"

namespace biotrain {

// Whether every line of outputs, and of the inputs' gradients, is one filter
// that slides along one long line.
constexpr bool SlidesFast(const ConvGeometry& g) {
  return g.filter_h == 1 && g.stride_h == 1 && g.stride_w == 1 &&
         g.dilation_w == 1 && FitsFastFir(g.filter_w, g.out_w) &&
         FitsFastFir(g.filter_w, g.in_w);
}

class FastFilters {
 public:
  FastFilters(float* workspace,  // nullptr: no fast algorithm
              int taps, int filters)
      : packed_(workspace), taps_(taps), filters_(filters) {}

  // w: [filters,taps], taps `step` floats apart.
  void Pack(const float* w, int step) const {
    if (packed_ == nullptr) return;
    for (int n = 0; n < filters_; ++n) {
      PackFastFir(w + n * taps_, taps_, step,
                  packed_ + n * FastFirFilterFloats(taps_));
    }
  }
  // The columns are the filters.
  void Run(const Correlation& all, const LineStack& lines) const {
    if (packed_ == nullptr) return Correlate(all, lines);
    for (int line = 0; line < lines.count; ++line) {
      FastFir(LineOf(all, lines, line), packed_,
              packed_ + filters_ * FastFirFilterFloats(taps_));
    }
  }

 private:
  float* packed_;
  int taps_;
  int filters_;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_FAST_FILTERS_H_
