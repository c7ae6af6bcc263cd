// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/pool.h"

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/peak.h"
#include "tflm_train/kernels/repeat.h"

namespace biotrain {
namespace {

// The part of an output's window that lies on the input.
struct Window {
  int corner;  // offset of its first element in the array of inputs
  int rows;
  int columns;
};

Range InputSpan(int output, int stride, int pad, int filter, int in) {
  const int start = output * stride - pad;
  const Range taps = StepsInside(start, 1, in, filter);
  return {start + taps.begin, start + taps.end};
}

// Calls visit(output offset, window).
template <typename Visit>
void ForEachWindow(const PoolGeometry& g, const Visit& visit) {
  int output = 0;
  // All columns from the first on, up to this one, have whole windows.
  const int whole = g.pad_left > 0 || g.in_w < g.filter_w
                        ? 0
                        : (g.in_w - g.filter_w) / g.stride_w + 1;
  for (int plane = 0; plane < g.batch * g.channels; ++plane) {
    for (int oh = 0; oh < g.out_h; ++oh) {
      const Range rows =
          InputSpan(oh, g.stride_h, g.pad_top, g.filter_h, g.in_h);
      const int row = (plane * g.in_h + rows.begin) * g.in_w;
      int ow = 0;
      for (; ow < whole && ow < g.out_w; ++ow, ++output) {
        visit(output, Window{row + ow * g.stride_w, rows.size(), g.filter_w});
      }
      for (; ow < g.out_w; ++ow, ++output) {
        const Range columns =
            InputSpan(ow, g.stride_w, g.pad_left, g.filter_w, g.in_w);
        visit(output, Window{row + columns.begin, rows.size(), columns.size()});
      }
    }
  }
}

void FillRow(float value, int n, float* x) {
  for (; n >= 4; n -= 4, x += 4) x[0] = x[1] = x[2] = x[3] = value;
  for (; n > 0; --n) *x++ = value;
}

void Clear(const PoolGeometry& g, float* dx) {
  FillRow(0.0f, g.batch * g.in_h * g.in_w * g.channels, dx);
}

float RowSum(const float* x, int n) {
  float lanes[4] = {};
  for (; n >= 4; n -= 4, x += 4) {
    lanes[0] += x[0];
    lanes[1] += x[1];
    lanes[2] += x[2];
    lanes[3] += x[3];
  }
  for (int lane = 0; lane < n; ++lane) lanes[lane] += x[lane];
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

// What RowSum gives for 4 * kTurns elements. Zeros of both signs are as they
// are there, where every lane starts at zero.
template <int kTurns>
float WholeSum(const float* x) {
  float lanes[4];
  Repeat<4>([&](auto lane) BIOTRAIN_INLINE {
    lanes[lane] = x[lane];
    for (int turn = 1; turn < kTurns; ++turn) lanes[lane] += x[4 * turn + lane];
  });
  return ((lanes[0] + lanes[2]) + (lanes[1] + lanes[3])) + 0.0f;
}

// Means of windows that lie side by side in rows.
template <typename Sum>
void RowMeans(const PoolGeometry& g, const float* x, Activation activation,
              const Sum& sum, float* y) {
  const float count = static_cast<float>(g.filter_w);
  for (int row = 0; row < g.batch * g.channels * g.in_h; ++row) {
    const float* from = x + row * g.in_w;
    for (int ow = 0; ow < g.out_w; ++ow, from += g.filter_w) {
      *y++ = Activate(sum(from) / count, activation);
    }
  }
}

// The largest of a row, or a NaN if there is one.
float RowMax(const float* x, int n) {
  float largest = x[0];
  float probe = 0.0f;
  ForEachElement(n, [&](int i) BIOTRAIN_INLINE {
    largest = Larger(x[i], largest);
    probe = Fma(x[i], 0.0f, probe);
  });
  // Zero has no sign in an output, whichever zero the largest was.
  if (probe == 0.0f) return largest + 0.0f;
  // Something here is infinite, or no number: with care.
  largest = x[0];
  for (int i = 0; i < n; ++i) {
    if (x[i] > largest || x[i] != x[i]) largest = x[i];
  }
  return largest;
}

}  // namespace

void AveragePool2D(const PoolGeometry& g, const float* x, Activation activation,
                   float* y) {
  if (IsOneRow(g)) {
    switch (g.filter_w) {
      case 4:
        return RowMeans(g, x, activation, WholeSum<1>, y);
      case 8:
        return RowMeans(g, x, activation, WholeSum<2>, y);
    }
    const auto sum = [&g](const float* row) { return RowSum(row, g.filter_w); };
    return RowMeans(g, x, activation, sum, y);
  }
  ForEachWindow(g, [&](int output, const Window& window) {
    const float* row = x + window.corner;
    float sum = RowSum(row, window.columns);
    for (int r = 1; r < window.rows; ++r) {
      row += g.in_w;
      sum += RowSum(row, window.columns);
    }
    const float count = static_cast<float>(window.rows * window.columns);
    y[output] = Activate(sum / count, activation);
  });
}

void AveragePool2DGrad(const PoolGeometry& g, const float* dy, float* dx) {
  if (IsOneRow(g)) {
    const float count = static_cast<float>(g.filter_w);
    const int rest = g.in_w - g.out_w * g.filter_w;
    for (int row = 0; row < g.batch * g.channels * g.in_h; ++row) {
      for (int ow = 0; ow < g.out_w; ++ow, dx += g.filter_w) {
        FillRow(*dy++ / count, g.filter_w, dx);
      }
      FillRow(0.0f, rest, dx);
      dx += rest;
    }
    return;
  }
  Clear(g, dx);
  ForEachWindow(g, [&](int output, const Window& window) {
    const float count = static_cast<float>(window.rows * window.columns);
    const float share = dy[output] / count;
    float* row = dx + window.corner;
    for (int r = 0; r < window.rows; ++r, row += g.in_w) {
      for (int c = 0; c < window.columns; ++c) row[c] += share;
    }
  });
}

void MaxPool2D(const PoolGeometry& g, const float* x, Activation activation,
               float* y) {
  if (IsOneRow(g)) {
    for (int row = 0; row < g.batch * g.channels * g.in_h; ++row) {
      const float* from = x + row * g.in_w;
      for (int ow = 0; ow < g.out_w; ++ow, from += g.filter_w) {
        *y++ = Activate(RowMax(from, g.filter_w), activation);
      }
    }
    return;
  }
  ForEachWindow(g, [&](int output, const Window& window) {
    const float* row = x + window.corner;
    float largest = *row;
    for (int r = 0; r < window.rows; ++r, row += g.in_w) {
      ForEachElement(window.columns, [&](int c) BIOTRAIN_INLINE {
        const float value = row[c];
        // The second test lets a NaN through instead of hiding it.
        if (value > largest || value != value) largest = value;
      });
    }
    y[output] = Activate(largest, activation);
  });
}

void PeakPool2D(const PoolGeometry& g, const float* x, const float* gamma,
                float* y) {
  PoolGeometry plane = g;
  plane.batch = plane.channels = 1;
  for (int line = 0; line < g.batch * g.channels; ++line) {
    const float sign = gamma[line % g.channels];
    if (sign > 0.0f) {
      MaxPool2D(plane, x, Activation::kNone, y);
    } else {
      ForEachWindow(plane, [&](int output, const Window& window) {
        const float* row = x + window.corner;
        float best = row[0];
        for (int r = 0; r < window.rows && sign < 0.0f; ++r, row += g.in_w) {
          for (int c = 0; c < window.columns; ++c) {
            best = Smaller(row[c], best);
          }
        }
        y[output] = best + 0.0f;
      });
    }
    x += g.in_h * g.in_w;
    y += g.out_h * g.out_w;
  }
}

void MaxPool2DGrad(const PoolGeometry& g, const float* x, const float* y,
                   const float* dy, float* dx) {
  Clear(g, dx);
  if (IsOneRow(g)) {
    for (int row = 0; row < g.batch * g.channels * g.in_h; ++row) {
      const float* from = x + row * g.in_w;
      float* to = dx + row * g.in_w;
      for (int ow = 0; ow < g.out_w; ++ow, ++y, ++dy) {
        const int at = FindIn(from, g.filter_w, *y);
        if (at < g.filter_w) to[at] = *dy;
        from += g.filter_w;
        to += g.filter_w;
      }
    }
    return;
  }
  ForEachWindow(g, [&](int output, const Window& window) {
    const float largest = y[output];
    int row = window.corner;
    for (int r = 0; r < window.rows; ++r, row += g.in_w) {
      for (int c = 0; c < window.columns; ++c) {
        if (x[row + c] != largest) continue;
        dx[row + c] += dy[output];
        return;
      }
    }
  });
}

void MaxPool2DIndices(const PoolGeometry& g, const float* x, const float* y,
                      uint8_t* indices) {
  if (IsOneRow(g)) {
    for (int row = 0; row < g.batch * g.channels * g.in_h; ++row) {
      const float* from = x + row * g.in_w;
      for (int ow = 0; ow < g.out_w; ++ow, from += g.filter_w) {
        const int at = FindIn(from, g.filter_w, *y++);
        *indices++ = at < g.filter_w ? static_cast<uint8_t>(at) : kNoMaximum;
      }
    }
    return;
  }
  ForEachWindow(g, [&](int output, const Window& window) {
    const float* row = x + window.corner;
    const float largest = y[output];
    int index = kNoMaximum;
    for (int r = 0; r < window.rows; ++r, row += g.in_w) {
      const int at = FindIn(row, window.columns, largest);
      if (at == window.columns) continue;
      index = r * g.filter_w + at;
      break;
    }
    indices[output] = static_cast<uint8_t>(index);
  });
}

void MaxPool2DGradOfIndices(const PoolGeometry& g, const uint8_t* indices,
                            const float* dy, float* dx) {
  Clear(g, dx);
  if (IsOneRow(g)) {
    for (int row = 0; row < g.batch * g.channels * g.in_h; ++row) {
      float* to = dx + row * g.in_w;
      for (int ow = 0; ow < g.out_w; ++ow, ++dy, to += g.filter_w) {
        const int at = *indices++;
        if (at < g.filter_w) to[at] = *dy;
      }
    }
    return;
  }
  ForEachWindow(g, [&](int output, const Window& window) {
    const int r = indices[output] / g.filter_w;
    const int c = indices[output] % g.filter_w;
    if (r >= window.rows || c >= window.columns) return;
    dx[window.corner + r * g.in_w + c] += dy[output];
  });
}

}  // namespace biotrain
