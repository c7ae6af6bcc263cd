// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/pool.h"

#include "tflm_train/kernels/activation.h"

namespace biotrain {
namespace {

// The part of an output's window that lies on the input.
struct Window {
  Range rows;
  Range columns;
  int count() const { return rows.size() * columns.size(); }
};

Range InputSpan(int output, int stride, int pad, int filter, int in) {
  const int start = output * stride - pad;
  const Range taps = StepsInside(start, 1, in, filter);
  return {start + taps.begin, start + taps.end};
}

// Calls visit(output offset, input offset of the sample, window).
template <typename Visit>
void ForEachWindow(const PoolGeometry& g, Visit visit) {
  int output = 0;
  for (int b = 0; b < g.batch; ++b) {
    const int sample = b * g.in_h * g.in_w * g.channels;
    for (int oh = 0; oh < g.out_h; ++oh) {
      const Range rows =
          InputSpan(oh, g.stride_h, g.pad_top, g.filter_h, g.in_h);
      for (int ow = 0; ow < g.out_w; ++ow, output += g.channels) {
        const Range columns =
            InputSpan(ow, g.stride_w, g.pad_left, g.filter_w, g.in_w);
        visit(output, sample, Window{rows, columns});
      }
    }
  }
}

void Clear(const PoolGeometry& g, float* dx) {
  const int size = g.batch * g.in_h * g.in_w * g.channels;
  for (int i = 0; i < size; ++i) dx[i] = 0.0f;
}

}  // namespace

void AveragePool2D(const PoolGeometry& g, const float* x, Activation activation,
                   float* y) {
  ForEachWindow(g, [&](int output, int sample, const Window& window) {
    const float count = static_cast<float>(window.count());
    for (int c = 0; c < g.channels; ++c) {
      float sum = 0.0f;
      for (int ih = window.rows.begin; ih < window.rows.end; ++ih) {
        const float* row = x + sample + ih * g.in_w * g.channels + c;
        float row_sum = 0.0f;
        for (int iw = window.columns.begin; iw < window.columns.end; ++iw) {
          row_sum += row[iw * g.channels];
        }
        sum += row_sum;
      }
      y[output + c] = Activate(sum / count, activation);
    }
  });
}

void AveragePool2DGrad(const PoolGeometry& g, const float* dy, float* dx) {
  Clear(g, dx);
  ForEachWindow(g, [&](int output, int sample, const Window& window) {
    const float count = static_cast<float>(window.count());
    for (int c = 0; c < g.channels; ++c) {
      const float share = dy[output + c] / count;
      for (int ih = window.rows.begin; ih < window.rows.end; ++ih) {
        float* row = dx + sample + ih * g.in_w * g.channels + c;
        for (int iw = window.columns.begin; iw < window.columns.end; ++iw) {
          row[iw * g.channels] += share;
        }
      }
    }
  });
}

void MaxPool2D(const PoolGeometry& g, const float* x, Activation activation,
               float* y) {
  ForEachWindow(g, [&](int output, int sample, const Window& window) {
    for (int c = 0; c < g.channels; ++c) {
      const int corner =
          sample +
          (window.rows.begin * g.in_w + window.columns.begin) * g.channels + c;
      float largest = x[corner];
      for (int ih = window.rows.begin; ih < window.rows.end; ++ih) {
        const float* row = x + sample + ih * g.in_w * g.channels + c;
        for (int iw = window.columns.begin; iw < window.columns.end; ++iw) {
          const float value = row[iw * g.channels];
          // The second test lets a NaN through instead of hiding it.
          if (value > largest || value != value) largest = value;
        }
      }
      y[output + c] = Activate(largest, activation);
    }
  });
}

void MaxPool2DGrad(const PoolGeometry& g, const float* x, const float* y,
                   const float* dy, float* dx) {
  Clear(g, dx);
  ForEachWindow(g, [&](int output, int sample, const Window& window) {
    for (int c = 0; c < g.channels; ++c) {
      bool found = false;
      for (int ih = window.rows.begin; ih < window.rows.end && !found; ++ih) {
        const int row = sample + ih * g.in_w * g.channels + c;
        for (int iw = window.columns.begin; iw < window.columns.end; ++iw) {
          if (x[row + iw * g.channels] != y[output + c]) continue;
          dx[row + iw * g.channels] += dy[output + c];
          found = true;
          break;
        }
      }
    }
  });
}

}  // namespace biotrain
