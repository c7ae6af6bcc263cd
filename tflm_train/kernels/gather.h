// SPDX-License-Identifier: Apache-2.0
// A little of zero-padded lines, copied, so that no micro-kernel has edges.
#ifndef TFLM_TRAIN_KERNELS_GATHER_H_
#define TFLM_TRAIN_KERNELS_GATHER_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

inline void CopyLine(const float* from, int count, float* to) {
  for (; count >= 4; count -= 4, from += 4, to += 4) {
    const float a = from[0], b = from[1], c = from[2], d = from[3];
    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
  }
  for (; count > 0; --count) *to++ = *from++;
}

// to[i] = line[first + i] for i < count, zero outside [0, width).
inline void GatherLine(const float* line, int width, int first, int count,
                       float* to) {
  const Range inside = StepsInside(first, 1, width, count);
  for (int i = 0; i < inside.begin; ++i) to[i] = 0.0f;
  if (inside.size() > 0) {
    CopyLine(line + first + inside.begin, inside.size(), to + inside.begin);
  }
  for (int i = inside.end; i < count; ++i) to[i] = 0.0f;
}

// The same of every pitch-th position.
inline void GatherSpread(const float* line, int width, int first, int pitch,
                         int count, float* to) {
  const Range inside = StepsInside(first, pitch, width, count);
  for (int i = 0; i < count; ++i) {
    const bool there = inside.begin <= i && i < inside.end;
    to[i] = there ? line[first + i * pitch] : 0.0f;
  }
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_GATHER_H_
