// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/codes_column.h"

#include "tflm_train/kernels/codes_words.h"
#include "tflm_train/kernels/correlate.h"
#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/repeat.h"

namespace biotrain {
namespace {

constexpr int kLanes = kWordLanes;

// As WordRows and its siblings, of kLanes lanes.
template <int kFilters>
void SumRows(const CodeRows& codes, const float* w, float scale, float* y) {
  float sum[kFilters * kLanes] = {};
  const int16_t* from = codes.at;
  for (int row = 0; row < codes.rows; ++row, ++w, from += codes.width) {
    Repeat<kLanes>([&](auto lane) BIOTRAIN_INLINE {
      const float code = static_cast<float>(from[lane]);
      Repeat<kFilters>([&](auto n) BIOTRAIN_INLINE {
        float& to = sum[n * kLanes + lane];
        to = Fma(code, w[n * codes.rows], to);
      });
    });
  }
  for (int n = 0; n < kFilters; ++n, y += codes.width) {
    Repeat<kLanes>([&](auto lane) BIOTRAIN_INLINE {
      y[lane] = sum[n * kLanes + lane] * scale;
    });
  }
}

// sums[lane] += codes[turn][lane] * dy[turn][lane]
void SumTurns(const int16_t* codes, const float* dy, int turns, float* sums) {
  float sum[kLanes];
  Repeat<kLanes>([&](auto lane) BIOTRAIN_INLINE { sum[lane] = sums[lane]; });
  for (; turns > 0; --turns, codes += kLanes, dy += kLanes) {
    Repeat<kLanes>([&](auto lane) BIOTRAIN_INLINE {
      sum[lane] = Fma(static_cast<float>(codes[lane]), dy[lane], sum[lane]);
    });
  }
  Repeat<kLanes>([&](auto lane) BIOTRAIN_INLINE { sums[lane] = sum[lane]; });
}

using Kernel = void (*)(const CodeRows& codes, const float* w, float scale,
                        float* y);

struct Blocks {
  Kernel kernel;
  int filters;
  int lanes;
};

Blocks BlocksOf(int filters) {
  constexpr bool kWords = kCodesByWords;
  if (kWords && filters >= 4) return {WordRowsFour, 4, kWordLanesFour};
  if (filters >= 2) return {kWords ? WordRowsTwice : SumRows<2>, 2, kLanes};
  return {kWords ? WordRows : SumRows<1>, 1, kLanes};
}

// Sums of a tap of one filter, [kLanes]: the last of a line, and all together.
float SumOfTap(const int16_t* codes, const float* dy, int width, float* sums) {
  const int done = width / kLanes * kLanes;
  for (int i = done; i < width; ++i) {
    float& sum = sums[i - done];
    sum = Fma(static_cast<float>(codes[i]), dy[i], sum);
  }
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
         ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

}  // namespace

bool IsColumnOfCodes(const ConvGeometry& g) {
  return g.batch == 1 && g.in_c == 1 && g.out_h == 1 && g.filter_w == 1 &&
         g.stride_w == 1 && g.filter_h == g.in_h && g.pad_top == 0 &&
         g.dilation_h == 1 && g.out_w == g.in_w && g.out_w >= kLanes;
}

void ColumnOfCodes(const ConvGeometry& g, const int16_t* codes, float scale,
                   const float* w, const float* bias, Activation activation,
                   float* y) {
  const int width = g.out_w;
  for (int n = 0; n < g.out_c;) {
    const Blocks blocks = BlocksOf(g.out_c - n);
    for (int column = 0; column < width; column += blocks.lanes) {
      // The last ones once more, where they are not a multiple.
      const bool last = column + blocks.lanes > width;
      const int first = last ? width - blocks.lanes : column;
      blocks.kernel({codes + first, width, g.in_h}, w + n * g.in_h, scale,
                    y + n * width + first);
    }
    n += blocks.filters;
  }
  Finish({y, 1, width}, width, g.out_c, bias, activation);
}

void ColumnOfCodesGradFilter(const ConvGeometry& g, const int16_t* codes,
                             float scale, const float* dy, float* dw) {
  const int width = g.in_w;
  const int turns = width / kLanes;
  constexpr bool kWords = kCodesByWords;
  for (int n = 0; n < g.out_c;) {
    const int filters = kWords && n + 2 <= g.out_c ? 2 : 1;
    const float* const slopes = dy + n * width;
    for (int row = 0; row < g.in_h; ++row) {
      const int16_t* const from = codes + row * width;
      float sums[2 * kLanes] = {};
      if (filters == 2) {
        WordTurnsTwice(from, slopes, width, turns, sums);
      } else if (kWords) {
        WordTurns(from, slopes, turns, sums);
      } else {
        SumTurns(from, slopes, turns, sums);
      }
      for (int k = 0; k < filters; ++k) {
        dw[(n + k) * g.in_h + row] = scale * SumOfTap(from, slopes + k * width,
                                                      width, sums + k * kLanes);
      }
    }
    n += filters;
  }
}

}  // namespace biotrain
