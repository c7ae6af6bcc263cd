// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/fast_fir.h"

#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/gather.h"
#include "tflm_train/kernels/tile_grid.h"

namespace biotrain {
namespace {

constexpr int kParts = kFastFirParts;
constexpr int kUnit = 60;  // outputs: whole tiles of a quarter of them

// What the products at each point are divided by.
constexpr float kScales[kParts] = {-1.0f / 2.0f, -1.0f / 3.0f,  1.0f / 9.0f,
                                   1.0f / 36.0f, -1.0f / 60.0f, 32.0f / 45.0f,
                                   1.0f};

void Scale(float* parts, int count) {
  for (int part = 0; part < kParts; ++part) {
    for (int i = 0; i < count; ++i) *parts++ *= kScales[part];
  }
}

struct PartLines {
  PartLines(float* parts, int count) {
    for (int part = 0; part < kParts; ++part) at[part] = parts + part * count;
  }
  float* at[kParts];
};

// `count` values of x [width] from `position` on: where they are or, with zeros
// beyond the ends, copied to `to`.
const float* Padded(const float* x, int width, int position, int count,
                    float* to) {
  if (position >= 0 && position + count <= width) return x + position;
  GatherLine(x, width, position, count, to);
  return to;
}

// x [4 * count + 3] to lines of `count`: seven neighbouring samples as a
// polynomial, times the product of the points less all but one of them.
void Split(const float* x, int count, float* to) {
  PartLines line(to, count);
  // d are samples, e samples times z - 1/2.
  float d1 = x[1];
  float d2 = x[2];
  float e0 = Fma(-0.5f, x[0], d1);
  float e1 = Fma(-0.5f, d1, d2);
  for (int i = 0; i < count; ++i, x += 4) {
    const float d3 = x[3];
    const float d4 = x[4];
    const float d5 = x[5];
    const float d6 = x[6];
    const float e2 = Fma(-0.5f, d2, d3);
    const float e3 = Fma(-0.5f, d3, d4);
    const float e4 = Fma(-0.5f, d4, d5);
    const float e5 = Fma(-0.5f, d5, d6);
    const float odd = Fma(-4.0f, e1, e3);
    const float even = Fma(-4.0f, e2, e4);
    const float odd_2 = e3 - e1;
    const float even_2 = e4 - e2;
    *line.at[0]++ = Fma(4.0f, e0, even - e2);
    *line.at[1]++ = even + odd;
    *line.at[2]++ = even - odd;
    *line.at[3]++ = Fma(2.0f, odd_2, even_2);
    *line.at[4]++ = Fma(-2.0f, odd_2, even_2);
    *line.at[5]++ = Fma(4.0f, d1, Fma(-5.0f, d3, d5));
    *line.at[6]++ = Fma(4.0f, e1, Fma(-5.0f, e3, e5));
    d1 = d5;
    d2 = d6;
    e0 = e4;
    e1 = e5;
  }
}

// Lines of `count` to y [4 * count].
void Merge(float* parts, int count, float* y) {
  PartLines line(parts, count);
  for (int i = 0; i < count; ++i, y += 4) {
    const float plus = *line.at[1]++;
    const float minus = *line.at[2]++;
    const float plus_2 = *line.at[3]++;
    const float minus_2 = *line.at[4]++;
    const float half = *line.at[5]++;
    const float even = plus + minus;
    const float odd = plus - minus;
    const float even_2 = plus_2 + minus_2;
    const float odd_2 = plus_2 - minus_2;
    y[0] = (even + even_2) + (half + *line.at[0]++);
    y[1] = Fma(2.0f, odd_2, Fma(0.5f, half, odd));
    y[2] = Fma(4.0f, even_2, Fma(0.25f, half, even));
    y[3] = Fma(8.0f, odd_2, Fma(0.125f, half, odd)) + *line.at[6]++;
  }
}

// Four neighbouring taps as a polynomial, at every point.
void AtPoints(const float* w, int quarter, int step, float* to) {
  PartLines line(to, quarter);
  for (int i = 0; i < quarter; ++i, w += 4 * step) {
    const float w0 = w[0];
    const float w1 = w[step];
    const float w2 = w[2 * step];
    const float w3 = w[3 * step];
    const float even = w0 + w2;
    const float odd = w1 + w3;
    const float even_2 = Fma(4.0f, w2, w0);
    const float odd_2 = Fma(4.0f, w3, w1);
    *line.at[0]++ = w0;
    *line.at[1]++ = even + odd;
    *line.at[2]++ = even - odd;
    *line.at[3]++ = Fma(2.0f, odd_2, even_2);
    *line.at[4]++ = Fma(-2.0f, odd_2, even_2);
    *line.at[5]++ = Fma(0.5f, Fma(0.5f, Fma(0.5f, w3, w2), w1), w0);
    *line.at[6]++ = w3;
  }
}

void FilterParts(const float* x, int x_count, const float* w, int taps,
                 float* y, int y_count) {
  const WindowKind& kind = kLongFilterWindow.kinds[1];
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
  AtPoints(w, taps / 4, step, packed);
  Scale(packed, taps / 4);
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
    const float* const x =
        Padded(c.x.at, c.width, position, block + taps - 1, padded);
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
    const int count = block / 4 + quarter - 1;
    Split(Padded(x, width, done - pad, block + taps_ - 1, x_), count, x_parts_);
    for (int filter = 0; filter < filters_; ++filter) {
      const float* const slopes =
          Padded(dy + filter * dy_filter, outputs, done, block, dy_);
      AtPoints(slopes, block / 4, 1, dy_parts_);
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
    float* const sums = sums_ + filter * kParts * (taps_ / 4);
    Scale(sums, taps_ / 4);
    Merge(sums, taps_ / 4, dw);
  }
}

}  // namespace biotrain
