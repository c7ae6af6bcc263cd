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

// Lines below one another: the planes of an image, or of its gradient. Rows of
// taps move down a zero-padded plane as taps move along a line.
struct LineStack {
  int count;
  int stride;  // rows of x from one line to the next
  int step;    // and from one row of taps to the next
  int pad;
  int height;  // rows of x
  int y;       // floats from one line to the next
};

// One of them. `all` has all rows of taps and its x is at row 0; the line has
// the rows that fall on x.
constexpr Correlation LineOf(const Correlation& all, const LineStack& lines,
                             int line) {
  const int top = line * lines.stride - lines.pad;
  const Range rows = StepsInside(top, lines.step, lines.height, all.terms.rows);
  Correlation one = all;
  one.x.at += (top + rows.begin * lines.step) * all.width;
  one.w.at += rows.begin * all.w.row;
  one.terms.rows = rows.size();
  one.y.at += line * lines.y;
  return one;
}

void Correlate(const Correlation& all, const LineStack& lines);

// Then, where there is one, adds the bias of each column and activates.
void Finish(const Sums& y, int items, int columns,
            const float* bias,  // [columns] or nullptr
            Activation activation);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_CORRELATE_H_
