// SPDX-License-Identifier: Apache-2.0
// Element by element. Arguments: how many. Dropout: batch, channels, spatial.
#include "tflm_train/bench/kernel_run.h"
#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/dropout.h"
#include "tflm_train/kernels/update.h"

namespace biotrain {
namespace bench {
namespace {

using Forward = void (*)(const float* x, int n, float* y);
using Gradient = void (*)(const float* y, const float* dy, int n, float* dx);

template <Forward kFunction>
void RunForward(const int32_t* a, Memory* memory) {
  const float* x = memory->Random(a[0]);
  float* y = memory->Random(a[0]);
  if (memory->exhausted()) return;
  biotrain_mark();
  kFunction(x, a[0], y);
  biotrain_mark();
}

template <Gradient kFunction>
void RunGradient(const int32_t* a, Memory* memory) {
  const float* y = memory->Random(a[0]);
  const float* dy = memory->Random(a[0]);
  float* dx = memory->Random(a[0]);
  if (memory->exhausted()) return;
  biotrain_mark();
  kFunction(y, dy, a[0], dx);
  biotrain_mark();
}

void RunSgdMomentum(const int32_t* a, Memory* memory) {
  float* w = memory->Random(a[0]);
  float* m = memory->Random(a[0]);
  const float* g = memory->Random(a[0]);
  if (memory->exhausted()) return;
  biotrain_mark();
  SgdMomentum(w, m, g, a[0], 0.01f, 0.9f, w, m);
  biotrain_mark();
}

void RunDropout(const int32_t* a, Memory* memory) {
  const int64_t n = int64_t{a[0]} * a[1] * a[2];
  const float* x = memory->Random(n);
  float* y = memory->Random(n);
  if (memory->exhausted()) return;
  constexpr DropoutParams kHalf = {0.5, 0, false};
  biotrain_mark();
  Dropout(kHalf, 1, 1, x, a[0], a[1], a[2], y);
  biotrain_mark();
}

constexpr Kernel kKernels[] = {
    {"relu.forward", RunForward<Relu>},
    {"relu.dx", RunGradient<ReluGrad>},
    {"elu.forward", RunForward<Elu>},
    {"elu.dx", RunGradient<EluGrad>},
    {"dropout.forward", RunDropout},
    {"sgd_momentum.forward", RunSgdMomentum},
};

}  // namespace

const KernelTable kElementKernels = {kKernels,
                                     sizeof(kKernels) / sizeof(Kernel)};

}  // namespace bench
}  // namespace biotrain
