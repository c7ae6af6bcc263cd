// SPDX-License-Identifier: Apache-2.0
// A dense layer, as the step runs it: forward is x times w transposed, its
// gradients are the same product with other flags. Arguments: batch, inputs,
// outputs. Softmax: rows, columns.
#include "tflm_train/bench/kernel_run.h"
#include "tflm_train/kernels/matmul.h"
#include "tflm_train/kernels/softmax.h"

namespace biotrain {
namespace bench {
namespace {

struct Layer {
  Layer(const int32_t* a, Memory* memory)
      : batch(a[0]),
        inputs(a[1]),
        outputs(a[2]),
        x(memory->Random(int64_t{batch} * inputs)),
        w(memory->Random(int64_t{inputs} * outputs)),
        bias(memory->Random(outputs)),
        y(memory->Random(int64_t{batch} * outputs)) {}

  int batch, inputs, outputs;
  float* x;     // [batch,inputs]
  float* w;     // [outputs,inputs]
  float* bias;  // [outputs]
  float* y;     // [batch,outputs]
};

void DenseForward(const int32_t* a, Memory* memory) {
  const Layer l(a, memory);
  if (memory->exhausted()) return;
  biotrain_mark();
  MatMul(l.x, false, l.w, true, l.batch, l.inputs, l.outputs, l.bias,
         Activation::kNone, l.y);
  biotrain_mark();
}

// dw [inputs,outputs] is x transposed times dy, as Keras stores it.
void DenseGradFilter(const int32_t* a, Memory* memory) {
  const Layer l(a, memory);
  if (memory->exhausted()) return;
  biotrain_mark();
  MatMul(l.x, true, l.y, false, l.inputs, l.batch, l.outputs, nullptr,
         Activation::kNone, l.w);
  biotrain_mark();
}

void DenseGradInput(const int32_t* a, Memory* memory) {
  const Layer l(a, memory);
  if (memory->exhausted()) return;
  biotrain_mark();
  MatMul(l.y, false, l.w, false, l.batch, l.outputs, l.inputs, nullptr,
         Activation::kNone, l.x);
  biotrain_mark();
}

void SoftmaxForward(const int32_t* a, Memory* memory) {
  const float* x = memory->Random(int64_t{a[0]} * a[1]);
  float* y = memory->Random(int64_t{a[0]} * a[1]);
  if (memory->exhausted()) return;
  biotrain_mark();
  Softmax(x, a[0], a[1], 1.0f, y);
  biotrain_mark();
}

constexpr Kernel kKernels[] = {
    {"dense.forward", DenseForward},
    {"dense.dw", DenseGradFilter},
    {"dense.dx", DenseGradInput},
    {"softmax.forward", SoftmaxForward},
};

}  // namespace

const KernelTable kDenseKernels = {kKernels, sizeof(kKernels) / sizeof(Kernel)};

}  // namespace bench
}  // namespace biotrain
