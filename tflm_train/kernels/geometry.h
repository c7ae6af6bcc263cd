// SPDX-License-Identifier: Apache-2.0
// Shapes of windowed kernels, and the one clamp that keeps them in bounds.
#ifndef TFLM_TRAIN_KERNELS_GEOMETRY_H_
#define TFLM_TRAIN_KERNELS_GEOMETRY_H_

namespace biotrain {

struct ConvGeometry {
  int batch;
  int in_h, in_w, in_c;
  int out_h, out_w, out_c;
  int filter_h, filter_w;
  int stride_h, stride_w;
  int dilation_h, dilation_w;
  int pad_top, pad_left;
};

struct PoolGeometry {
  int batch;
  int in_h, in_w, channels;
  int out_h, out_w;
  int filter_h, filter_w;
  int stride_h, stride_w;
  int pad_top, pad_left;
};

enum class Activation { kNone, kRelu, kRelu6 };

enum class Padding { kSame, kValid };

// Number of outputs along one axis, as TensorFlow counts them.
constexpr int OutputSize(int in, int filter, int stride, int dilation,
                         Padding padding) {
  const int span = (filter - 1) * dilation + 1;
  return padding == Padding::kSame ? (in + stride - 1) / stride
         : in < span               ? 0
                                   : (in - span) / stride + 1;
}

// Zeros before the first input along one axis.
constexpr int PadBefore(int in, int filter, int stride, int dilation,
                        Padding padding) {
  const int out = OutputSize(in, filter, stride, dilation, padding);
  const int total = (out - 1) * stride + (filter - 1) * dilation + 1 - in;
  return padding == Padding::kSame && total > 0 ? total / 2 : 0;
}

struct Range {
  int begin;
  int end;
  constexpr int size() const { return end - begin; }
};

// The steps j in [0, count) for which 0 <= start + j * stride < limit. Both
// "the taps of an output that fall on the input" and "the outputs for which a
// tap falls on the input" are this question. An empty range has begin == end.
constexpr Range StepsInside(int start, int stride, int limit, int count) {
  const int begin = start < 0 ? (stride - 1 - start) / stride : 0;
  const int room = limit - start;
  const int fitting = room > 0 ? (room + stride - 1) / stride : 0;
  const int end = fitting < count ? fitting : count;
  return begin < end ? Range{begin, end} : Range{0, 0};
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_GEOMETRY_H_
