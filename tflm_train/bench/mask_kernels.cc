// SPDX-License-Identifier: Apache-2.0
// Bits and indices for gradients. Arguments of bits: rows, columns, 1 for
// ReLU6, or 1 for a leaky one; of indices: batch, channels, height, width,
// filter height, filter width, stride down, stride across.
#include "tflm_train/bench/kernel_run.h"
#include "tflm_train/kernels/geometry.h"
#include "tflm_train/kernels/pool.h"
#include "tflm_train/kernels/sign_bits.h"

namespace biotrain {
namespace bench {
namespace {

// As many bytes as floats are enough.
uint8_t* Bytes(Memory* memory, int64_t n) {
  return reinterpret_cast<uint8_t*>(memory->Random(n));
}

void MakeBits(const int32_t* a, const float* y, uint8_t* bits) {
  if (a[2] != 0) return Relu6Bits(y, a[0], a[1], bits);
  ReluBits(y, a[0], a[1], bits);
}

void Bits(const int32_t* a, Memory* memory) {
  const float* y = memory->Random(int64_t{a[0]} * a[1]);
  uint8_t* bits = Bytes(memory, int64_t{a[0]} * a[1]);
  if (memory->exhausted()) return;
  biotrain_mark();
  MakeBits(a, y, bits);
  biotrain_mark();
}

void GradOfBits(const int32_t* a, Memory* memory) {
  const int64_t n = int64_t{a[0]} * a[1];
  const float* dy = memory->Random(n);
  float* dx = memory->Random(n);
  uint8_t* bits = Bytes(memory, n);
  if (memory->exhausted()) return;
  ReluBits(dy, a[0], a[1], bits);
  biotrain_mark();
  if (a[2] != 0) {
    LeakyReluGradOfBits(bits, dy, a[0], a[1], 0.1f, dx);
  } else {
    ReluGradOfBits(bits, dy, a[0], a[1], dx);
  }
  biotrain_mark();
}

PoolGeometry Pooling(const int32_t* a) {
  constexpr Padding kPadding = Padding::kValid;
  PoolGeometry g = {};
  g.batch = a[0];
  g.channels = a[1];
  g.in_h = a[2];
  g.in_w = a[3];
  g.filter_h = a[4];
  g.filter_w = a[5];
  g.stride_h = a[6];
  g.stride_w = a[7];
  g.out_h = OutputSize(g.in_h, g.filter_h, g.stride_h, 1, kPadding);
  g.out_w = OutputSize(g.in_w, g.filter_w, g.stride_w, 1, kPadding);
  return g;
}

struct Operands {
  Operands(const PoolGeometry& g, Memory* memory)
      : x(memory->Random(int64_t{g.batch} * g.channels * g.in_h * g.in_w)),
        y(memory->Random(Windows(g))),
        indices(Bytes(memory, Windows(g))) {}

  static int64_t Windows(const PoolGeometry& g) {
    return int64_t{g.batch} * g.channels * g.out_h * g.out_w;
  }

  float *x, *y;
  uint8_t* indices;
};

void Indices(const int32_t* a, Memory* memory) {
  const PoolGeometry g = Pooling(a);
  const Operands o(g, memory);
  if (memory->exhausted()) return;
  MaxPool2D(g, o.x, Activation::kNone, o.y);
  biotrain_mark();
  MaxPool2DIndices(g, o.x, o.y, o.indices);
  biotrain_mark();
}

void GradOfIndices(const int32_t* a, Memory* memory) {
  const PoolGeometry g = Pooling(a);
  const Operands o(g, memory);
  if (memory->exhausted()) return;
  MaxPool2D(g, o.x, Activation::kNone, o.y);
  MaxPool2DIndices(g, o.x, o.y, o.indices);
  biotrain_mark();
  MaxPool2DGradOfIndices(g, o.indices, o.y, o.x);
  biotrain_mark();
}

constexpr Kernel kKernels[] = {
    {"sign_bits.forward", Bits},
    {"sign_bits.dx", GradOfBits},
    {"pool_indices.forward", Indices},
    {"pool_indices.dx", GradOfIndices},
};

}  // namespace

const KernelTable kMaskKernels = {kKernels, sizeof(kKernels) / sizeof(Kernel)};

}  // namespace bench
}  // namespace biotrain
