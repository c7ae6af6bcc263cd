// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/gather.h"

#include "tflm_train/kernels/geometry.h"

namespace biotrain {

void CopyLine(const float* from, int count, float* to) {
  const float* const fours = from + (count & ~3);
  while (from != fours) {
    const float a = from[0], b = from[1], c = from[2], d = from[3];
    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
    from += 4;
    to += 4;
  }
  if ((count & 2) != 0) {
    const float a = from[0], b = from[1];
    to[0] = a;
    to[1] = b;
    from += 2;
    to += 2;
  }
  if ((count & 1) != 0) *to = *from;
}

namespace {

void ClearLine(int count, float* to) {
  float* const fours = to + (count & ~3);
  while (to != fours) {
    to[0] = 0.0f;
    to[1] = 0.0f;
    to[2] = 0.0f;
    to[3] = 0.0f;
    to += 4;
  }
  if ((count & 2) != 0) {
    to[0] = 0.0f;
    to[1] = 0.0f;
    to += 2;
  }
  if ((count & 1) != 0) *to = 0.0f;
}

}  // namespace

void GatherLine(const float* line, int width, int first, int count, float* to) {
  const Range inside = StepsInside(first, 1, width, count);
  ClearLine(inside.begin, to);
  CopyLine(line + first + inside.begin, inside.size(), to + inside.begin);
  ClearLine(count - inside.end, to + inside.end);
}

}  // namespace biotrain
