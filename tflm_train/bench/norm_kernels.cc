// SPDX-License-Identifier: Apache-2.0
// Arguments: batch, channels, spatial, and for group normalisation groups; for
// the slopes of a pool the width of a window, and 1 for ELU instead of ReLU.
#include "tflm_train/bench/kernel_run.h"
#include "tflm_train/kernels/norm.h"
#include "tflm_train/kernels/norm_average_pool.h"

namespace biotrain {
namespace bench {
namespace {

constexpr float kEpsilon = 1e-3f;

// Statistics are those of the forward pass, as in a training step.
struct Operands {
  Operands(const int32_t* a, int64_t statistics, Memory* memory)
      : batch(a[0]),
        channels(a[1]),
        spatial(a[2]),
        x(memory->Random(int64_t{batch} * channels * spatial)),
        gamma(memory->Random(channels)),
        beta(memory->Random(channels)),
        y(memory->Random(int64_t{batch} * channels * spatial)),
        dx(memory->Random(int64_t{batch} * channels * spatial)),
        mean(memory->Random(statistics)),
        variance(memory->Random(statistics)),
        dgamma(memory->Random(channels)),
        dbeta(memory->Random(channels)) {}

  int batch, channels, spatial;
  float *x, *gamma, *beta, *y, *dx, *mean, *variance, *dgamma, *dbeta;
};

void Forward(const Operands& o) {
  BatchNorm(o.x, o.gamma, o.beta, o.batch, o.channels, o.spatial, kEpsilon, o.y,
            o.mean, o.variance);
}

void Forward(const Operands& o, int groups) {
  GroupNorm(o.x, o.gamma, o.beta, o.batch, o.channels, o.spatial, groups,
            kEpsilon, o.y, o.mean, o.variance);
}

void BatchNormForward(const int32_t* a, Memory* memory) {
  const Operands o(a, a[1], memory);
  if (memory->exhausted()) return;
  biotrain_mark();
  Forward(o);
  biotrain_mark();
}

void BatchNormGradient(const int32_t* a, Memory* memory) {
  const Operands o(a, a[1], memory);
  if (memory->exhausted()) return;
  Forward(o);
  biotrain_mark();
  BatchNormGrad(o.x, o.gamma, o.mean, o.variance, o.y, o.batch, o.channels,
                o.spatial, kEpsilon, o.dx, o.dgamma, o.dbeta);
  biotrain_mark();
}

void GroupNormForward(const int32_t* a, Memory* memory) {
  const Operands o(a, int64_t{a[0]} * a[3], memory);
  if (memory->exhausted()) return;
  biotrain_mark();
  Forward(o, a[3]);
  biotrain_mark();
}

void GroupNormGradient(const int32_t* a, Memory* memory) {
  const Operands o(a, int64_t{a[0]} * a[3], memory);
  if (memory->exhausted()) return;
  Forward(o, a[3]);
  biotrain_mark();
  GroupNormGrad(o.x, o.gamma, o.mean, o.variance, o.y, o.batch, o.channels,
                o.spatial, a[3], kEpsilon, o.dx, o.dgamma, o.dbeta);
  biotrain_mark();
}

void SlopePool(const int32_t* a, Memory* memory) {
  const Operands o(a, a[1], memory);
  if (memory->exhausted()) return;
  const NormShape shape = {o.batch, o.channels, o.spatial, 1, true};
  PoolGeometry pool = {};
  pool.batch = o.batch;
  pool.channels = o.channels;
  pool.in_h = pool.out_h = pool.filter_h = pool.stride_h = 1;
  pool.in_w = o.spatial;
  pool.filter_w = pool.stride_w = a[3];
  pool.out_w = o.spatial / a[3];
  Forward(o);
  biotrain_mark();
  if (a[4] != 0) {
    NormSlopePool(shape, pool, NormActivation::kElu, o.x, o.gamma, o.beta,
                  o.mean, o.variance, kEpsilon, o.y, o.dx);
  } else {
    NormCountPool(shape, pool, NormActivation::kRelu, o.x, o.gamma, o.beta,
                  o.mean, o.variance, kEpsilon, reinterpret_cast<uint8_t*>(o.y),
                  o.dx);
  }
  biotrain_mark();
}

constexpr Kernel kKernels[] = {
    {"batch_norm.forward", BatchNormForward},
    {"batch_norm.dx", BatchNormGradient},
    {"group_norm.forward", GroupNormForward},
    {"group_norm.dx", GroupNormGradient},
    {"slope_pool.forward", SlopePool},
};

}  // namespace

const KernelTable kNormKernels = {kKernels, sizeof(kKernels) / sizeof(Kernel)};

}  // namespace bench
}  // namespace biotrain
