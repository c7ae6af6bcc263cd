// SPDX-License-Identifier: Apache-2.0
// Lines of a convolution's outputs, or of its inputs' gradients: sums over the
// taps of a filter that moves along zero-padded lines. What lies between the
// micro-kernels and the convolutions.
#ifndef TFLM_TRAIN_KERNELS_CORRELATE_H_
#define TFLM_TRAIN_KERNELS_CORRELATE_H_

#include "tflm_train/kernels/geometry.h"
#include "tflm_train/kernels/operand.h"

namespace biotrain {

//   y(item, column) = sum over plane, row, tap of
//       w(column, plane, row, tap) * x(plane, row, position)
//   position = item * x.item + tap * x.step - pad, zero outside [0, width)
struct Correlation {
  Operand x;  // at position 0; item is the stride, step the dilation
  int width;  // positions of a line
  int pad;
  Operand w;    // items are columns, steps taps
  Terms terms;  // steps are taps
  Sums y;
  int items;
  int columns;
};

void Correlate(const Correlation& correlation);

// Then, where there is one, adds the bias of each column and activates.
void Finish(const Sums& y, int items, int columns,
            const float* bias,  // [columns] or nullptr
            Activation activation);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_CORRELATE_H_
