// SPDX-License-Identifier: Apache-2.0
// Correlations whose filters are short, of many planes, or move in strides:
// tiles of items and columns.
#ifndef TFLM_TRAIN_KERNELS_CORRELATE_GRID_H_
#define TFLM_TRAIN_KERNELS_CORRELATE_GRID_H_

#include "tflm_train/kernels/correlate.h"

namespace biotrain {

void CorrelateGrid(const Correlation& all, const LineStack& lines);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_CORRELATE_GRID_H_
