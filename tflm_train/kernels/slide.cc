// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/slide.h"

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/gather.h"
#include "tflm_train/kernels/repeat.h"

namespace biotrain {
namespace {

constexpr int kLive = kSlideTaps - 1;  // sums between two values

// So many turns of kLive values from x finish as many sums.
struct Run {
  const float* x;
  float* y;
  int turns;
};

// The first kLive values, which finish nothing, then two runs.
[[gnu::noinline]] void Pass(const float* first, const float* w, int step,
                            const Run (&runs)[2]) {
  float tap[kSlideTaps];
  float sum[kLive];
  Repeat<kSlideTaps>([&](auto k) BIOTRAIN_INLINE {
    tap[k] = *w;
    w += step;
  });
  Repeat<kLive>([&](auto j) BIOTRAIN_INLINE {
    const float value = first[j];
    Repeat<j>([&](auto i)
                  BIOTRAIN_INLINE { sum[i] = Fma(value, tap[j - i], sum[i]); });
    sum[j] = value * tap[0];
    Pin(first);
  });
  const Run* run = runs;
  do {
    const float* x = run->x;
    float* y = run->y;
    for (int turns = run->turns; turns > 0; --turns) {
      // The roles of the sums move on by one with every value, and are back
      // after a turn.
      Repeat<kLive>([&](auto j) BIOTRAIN_INLINE {
        const float value = x[j];
        y[j] = Fma(value, tap[kLive], sum[j]);
        PinOutput(y);
        Repeat<kLive - 1>([&](auto i) BIOTRAIN_INLINE {
          float& next = sum[(j + kLive - 1 - i) % kLive];
          next = Fma(value, tap[i + 1], next);
        });
        // Takes the register of the sum that was stored.
        sum[j] = value * tap[0];
        PinValue(sum[j]);
        Pin(x);
      });
      x += kLive;
      y += kLive;
    }
  } while (++run != runs + 2);
}

}  // namespace

void Slide(const SlideLine& line, const float* w, int step) {
  float first[kLive];
  float x_rest[2 * kLive];
  float y_rest[2 * kLive];
  const bool whole = line.pad == 0 && line.width >= kLive;
  if (!whole) GatherLine(line.x, line.width, -line.pad, kLive, first);
  // Turns without padding go from memory to memory, the rest through copies.
  const int position = kLive - line.pad;
  const int inside = line.width - position;
  const int turns =
      (inside < line.items ? inside > 0 ? inside : 0 : line.items) / kLive;
  const int done = turns * kLive;
  const int left = line.items - done;
  const int more = (left + kLive - 1) / kLive;
  if (left > 0) {
    GatherLine(line.x, line.width, position + done, more * kLive, x_rest);
  }
  Pass(whole ? line.x : first, w, step,
       {{line.x + position, line.y, turns}, {x_rest, y_rest, more}});
  if (left > 0) CopyLine(y_rest, left, line.y + done);
}

}  // namespace biotrain
