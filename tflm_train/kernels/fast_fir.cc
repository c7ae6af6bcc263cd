// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/fast_fir.h"

#include "tflm_train/kernels/gather.h"
#include "tflm_train/kernels/tile_grid.h"

namespace biotrain {
namespace {

constexpr int kParts = 9;
constexpr int kUnit = 60;  // outputs: whole tiles of a quarter of them

// x [4 * count + 3] to nine lines of `count`.
void Split(const float* x, int count, float* to) {
  // Samples 2j + 1 are a, x[2j] - a is b, x[2j + 2] - a is c; of each of these
  // the same is made once more.
  float a0 = x[1];
  float b0 = x[0] - x[1];
  float c0 = x[2] - x[1];
  float* line[kParts];
  for (int part = 0; part < kParts; ++part) line[part] = to + part * count;
  for (int i = 0; i < count; ++i, x += 4) {
    const float a1 = x[3];
    const float b1 = x[2] - x[3];
    const float c1 = x[4] - x[3];
    const float a2 = x[5];
    const float b2 = x[4] - x[5];
    const float c2 = x[6] - x[5];
    *line[0]++ = a1;
    *line[1]++ = a0 - a1;
    *line[2]++ = a2 - a1;
    *line[3]++ = b1;
    *line[4]++ = b0 - b1;
    *line[5]++ = b2 - b1;
    *line[6]++ = c1;
    *line[7]++ = c0 - c1;
    *line[8]++ = c2 - c1;
    a0 = a2;
    b0 = b2;
    c0 = c2;
  }
}

// Nine lines of `count` to y [4 * count].
void Merge(const float* parts, int count, float* y) {
  const float* line[kParts];
  for (int part = 0; part < kParts; ++part) line[part] = parts + part * count;
  for (int i = 0; i < count; ++i, y += 4) {
    const float a = *line[0]++;
    const float b = *line[3]++;
    const float c = *line[6]++;
    const float a_even = a + *line[1]++;
    const float a_odd = a + *line[2]++;
    const float b_even = b + *line[4]++;
    const float b_odd = b + *line[5]++;
    const float c_even = c + *line[7]++;
    const float c_odd = c + *line[8]++;
    y[0] = a_even + b_even;
    y[1] = a_even + c_even;
    y[2] = a_odd + b_odd;
    y[3] = a_odd + c_odd;
  }
}

void FilterParts(const float* x, int x_count, const float* w, int taps,
                 float* y, int y_count) {
  const WindowKind& kind = kLongFilterWindow.kinds[0];
  const Terms terms = {1, 1, taps};
  Operand from_x = {x, 1, 1, 0, 0};
  Operand from_w = {w, 0, 1, 0, 0};
  Sums to = {y, 1, 0};
  for (int part = 0; part < kParts; ++part) {
    if (y_count % kind.items == 0) {
      kind.one_line(from_x, from_w, terms, Start::kZero, to,
                    y_count / kind.items);
    } else {
      RunWindow(kLongFilterWindow, from_x, from_w, terms, Start::kZero, to,
                y_count, 1);
    }
    from_x.at += x_count;
    from_w.at += taps;
    to.at += y_count;
  }
}

}  // namespace

void PackFastFir(const float* w, int taps, int step, float* packed) {
  const int quarter = taps / 4;
  for (int i = 0; i < quarter; ++i, w += 4 * step, ++packed) {
    const float w0 = w[0];
    const float w1 = w[step];
    const float w2 = w[2 * step];
    const float w3 = w[3 * step];
    // Of w0 + w1, w0 and w1; even taps are w0 and w2, odd ones w1 and w3.
    packed[0] = (w0 + w1) + (w2 + w3);
    packed[1 * quarter] = w0 + w1;
    packed[2 * quarter] = w2 + w3;
    packed[3 * quarter] = w0 + w2;
    packed[4 * quarter] = w0;
    packed[5 * quarter] = w2;
    packed[6 * quarter] = w1 + w3;
    packed[7 * quarter] = w1;
    packed[8 * quarter] = w3;
  }
}

void FastFir(const Correlation& c, const float* packed, float* workspace) {
  const int taps = c.terms.steps;
  const int quarter = taps / 4;
  float* const padded = workspace;
  float* const x_parts = padded + kFastFirBlock + taps;
  float* const y_parts = x_parts + kParts * (quarter + kFastFirBlock / 4);
  for (int done = 0; done < c.items;) {
    const int left = c.items - done;
    const int rounded = (left + kUnit - 1) / kUnit * kUnit;
    int block = rounded < kFastFirBlock ? rounded : kFastFirBlock;
    // A line that is no whole block begins with the units that it has.
    if (block > c.items) block = left / kUnit * kUnit;
    // The last block does some outputs once more.
    const int first = done + block <= c.items ? done : c.items - block;
    const int position = first - c.pad;
    const int needed = block + taps - 1;
    const float* x = c.x.at + position;
    if (position < 0 || position + needed > c.width) {
      GatherLine(c.x.at, c.width, position, needed, padded);
      x = padded;
    }
    const int count = block / 4 + quarter - 1;
    Split(x, count, x_parts);
    for (int n = 0; n < c.columns; ++n) {
      FilterParts(x_parts, count, packed + n * FastFirFilterFloats(taps),
                  quarter, y_parts, block / 4);
      Merge(y_parts, block / 4, c.y.Skip(first, n).at);
    }
    done += block;
  }
}

FastFirGrad::FastFirGrad(int taps, int filters, float* workspace)
    : taps_(taps), filters_(filters), sums_(workspace) {
  const int quarter = taps / 4;
  const int sums = filters * kParts * quarter;
  x_ = sums_ + sums;
  dy_ = x_ + kFastFirBlock + taps;
  x_parts_ = dy_ + kFastFirBlock;
  dy_parts_ = x_parts_ + kParts * (quarter + kFastFirBlock / 4);
  block_ = dy_parts_ + kParts * (kFastFirBlock / 4);
  for (int i = 0; i < sums; ++i) sums_[i] = 0.0f;
}

void FastFirGrad::AddLine(const float* x, int width, int pad, const float* dy,
                          int outputs, int dy_filter) {
  const int quarter = taps_ / 4;
  for (int done = 0; done < outputs; done += kFastFirBlock) {
    // Outputs that do not fill a unit are filled up with zeros.
    const int left = outputs - done;
    const int rounded = (left + kUnit - 1) / kUnit * kUnit;
    const int block = rounded < kFastFirBlock ? rounded : kFastFirBlock;
    GatherLine(x, width, done - pad, block + taps_ - 1, x_);
    const int count = block / 4 + quarter - 1;
    Split(x_, count, x_parts_);
    for (int filter = 0; filter < filters_; ++filter) {
      GatherLine(dy + filter * dy_filter, outputs, done, block, dy_);
      PackFastFir(dy_, block, 1, dy_parts_);
      float* to = sums_ + filter * kParts * quarter;
      for (int part = 0; part < kParts; ++part) {
        LinePart line = {x_parts_ + part * count,
                         dy_parts_ + part * (block / 4), 0, block / 4};
        for (int tap = 0; tap < quarter; tap += kManyTaps.items) {
          kManyTaps.run(&line, 1, Start::kZero, {block_ + tap, 1, 0});
          line.a += kManyTaps.items;
        }
        for (int i = 0; i < quarter; ++i) *to++ += block_[i];
      }
    }
  }
}

void FastFirGrad::Save(float* dw) const {
  for (int filter = 0; filter < filters_; ++filter, dw += taps_) {
    Merge(sums_ + filter * kParts * (taps_ / 4), taps_ / 4, dw);
  }
}

}  // namespace biotrain
