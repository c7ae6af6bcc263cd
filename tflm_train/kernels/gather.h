// SPDX-License-Identifier: Apache-2.0
// A little of zero-padded lines, copied, so that no micro-kernel has edges.
#ifndef TFLM_TRAIN_KERNELS_GATHER_H_
#define TFLM_TRAIN_KERNELS_GATHER_H_

namespace biotrain {

void CopyLine(const float* from, int count, float* to);

// to[i] = line[first + i] for i < count, zero outside [0, width).
void GatherLine(const float* line, int width, int first, int count, float* to);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_GATHER_H_
