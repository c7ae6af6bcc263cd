// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/conv_codes.h"

#include "tflm_train/kernels/codes_column.h"
#include "tflm_train/kernels/correlate.h"
#include "tflm_train/kernels/from_codes.h"
#include "tflm_train/kernels/gather.h"
#include "tflm_train/kernels/grad_filter.h"
#include "tflm_train/kernels/tile_grid.h"

namespace biotrain {
namespace {

// A piece has so many floats, unless its outputs are too few or very many.
constexpr int kPieceFloats = 2304;
constexpr int kLeastOutputs = 32;
constexpr int kMostOutputs = 256;
constexpr int kUnit = 8;

int PieceOutputs(const ConvGeometry& g) {
  const int fitting = kPieceFloats / (g.in_c * g.filter_h) / kUnit * kUnit;
  const int most = fitting < kMostOutputs ? fitting : kMostOutputs;
  const int outputs = most > kLeastOutputs ? most : kLeastOutputs;
  return outputs < g.out_w ? outputs : g.out_w;
}

int Columns(const ConvGeometry& g, int outputs) {
  return (outputs - 1) * g.stride_w + (g.filter_w - 1) * g.dilation_w + 1;
}

int FilterFloats(const ConvGeometry& g) {
  return g.out_c * g.in_c * g.filter_h * g.filter_w;
}

// Windows read on past the last column.
int PieceFloats(const ConvGeometry& g) {
  return g.in_c * g.filter_h * Columns(g, PieceOutputs(g)) + kLongFilter;
}

// What some neighbouring outputs of a line are made of, as floats: the rows of
// taps that fall on the sample, [in_c,rows,columns].
struct Piece {
  int line;
  int first;    // output
  int outputs;  // so many
  Range rows;   // of taps
  int columns;

  void Load(const ConvGeometry& g, const int16_t* image, float* to) const {
    const int top = line * g.stride_h - g.pad_top;
    const int left = first * g.stride_w - g.pad_left;
    for (int plane = 0; plane < g.in_c; ++plane) {
      for (int row = rows.begin; row < rows.end; ++row, to += columns) {
        const int from = plane * g.in_h + top + row * g.dilation_h;
        FloatsOfCodes(image + from * g.in_w, g.in_w, left, columns, to);
      }
    }
  }
};

// visit(image, piece) for all of a batch, in order.
template <typename Visit>
void ForEachPiece(const ConvGeometry& g, Visit visit) {
  const int most = PieceOutputs(g);
  for (int image = 0; image < g.batch; ++image) {
    for (int line = 0; line < g.out_h; ++line) {
      const int top = line * g.stride_h - g.pad_top;
      const Range rows = StepsInside(top, g.dilation_h, g.in_h, g.filter_h);
      for (int first = 0; first < g.out_w; first += most) {
        const int left = g.out_w - first;
        const int outputs = left < most ? left : most;
        visit(image, Piece{line, first, outputs, rows, Columns(g, outputs)});
      }
    }
  }
}

}  // namespace

int ConvOfCodesWorkspace(const ConvGeometry& g) {
  if (IsColumnOfCodes(g)) return 0;
  return PieceFloats(g) + FilterFloats(g);
}

void Conv2DOfCodes(const ConvGeometry& g, const int16_t* codes, float scale,
                   const float* w, const float* bias, Activation activation,
                   float* y, float* workspace) {
  if (IsColumnOfCodes(g)) {
    return ColumnOfCodes(g, codes, scale, w, bias, activation, y);
  }
  const int taps = g.filter_h * g.filter_w;
  const int x_image = g.in_c * g.in_h * g.in_w;
  const int y_plane = g.out_h * g.out_w;
  float* const x = workspace;
  float* const scaled = workspace + PieceFloats(g);
  for (int i = 0; i < FilterFloats(g); ++i) scaled[i] = w[i] * scale;
  ForEachPiece(g, [&](int image, const Piece& piece) {
    piece.Load(g, codes + image * x_image, x);
    const int rows = piece.rows.size();
    const Sums to = {
        y + image * g.out_c * y_plane + piece.line * g.out_w + piece.first, 1,
        y_plane};
    Correlate(
        {{x, g.stride_w, g.dilation_w, piece.columns, rows * piece.columns},
         piece.columns,
         0,
         {scaled + piece.rows.begin * g.filter_w, g.in_c * taps, 1, g.filter_w,
          taps},
         {g.in_c, rows, g.filter_w},
         to,
         piece.outputs,
         g.out_c},
        {1, 1, 1, 0, rows, 0});
    Finish(to, piece.outputs, g.out_c, bias, activation);
  });
}

int ConvOfCodesGradFilterWorkspace(const ConvGeometry& g) {
  if (IsColumnOfCodes(g)) return 0;
  const int dy = g.out_c > 1 ? g.out_c * PieceOutputs(g) : 0;
  return PieceFloats(g) + dy + FilterFloats(g);
}

void Conv2DOfCodesGradFilter(const ConvGeometry& g, const int16_t* codes,
                             float scale, const float* dy, float* dw,
                             float* workspace) {
  if (IsColumnOfCodes(g)) {
    return ColumnOfCodesGradFilter(g, codes, scale, dy, dw);
  }
  const int x_image = g.in_c * g.in_h * g.in_w;
  const int dy_plane = g.out_h * g.out_w;
  float* const x = workspace;
  float* const part = workspace + PieceFloats(g);
  float* const copied = part + FilterFloats(g);
  for (int i = 0; i < FilterFloats(g); ++i) dw[i] = 0.0f;
  ForEachPiece(g, [&](int image, const Piece& piece) {
    const int rows = piece.rows.size();
    if (rows <= 0) return;
    piece.Load(g, codes + image * x_image, x);
    const float* from =
        dy + image * g.out_c * dy_plane + piece.line * g.out_w + piece.first;
    if (g.out_c > 1) {
      for (int n = 0; n < g.out_c; ++n) {
        CopyLine(from + n * dy_plane, piece.outputs,
                 copied + n * piece.outputs);
      }
      from = copied;
    }
    GradFilter({1, rows, piece.columns, g.in_c, 1, piece.outputs, g.out_c, rows,
                g.filter_w, 1, g.stride_w, 1, g.dilation_w, 0, 0},
               {x, 0, g.in_c, from, 0, g.out_c, part});
    // The rows of taps of each plane lie together.
    const int some = rows * g.filter_w;
    float* to = dw + piece.rows.begin * g.filter_w;
    for (int n = 0; n < g.out_c * g.in_c; ++n) {
      for (int i = 0; i < some; ++i) to[i] += part[n * some + i];
      to += g.filter_h * g.filter_w;
    }
  });
  for (int i = 0; i < FilterFloats(g); ++i) dw[i] *= scale;
}

}  // namespace biotrain
