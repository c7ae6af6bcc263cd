// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/dropout.h"

#include <initializer_list>

#include "tflm_train/micro/ops/ops.h"

namespace biotrain {
namespace ops {
namespace {

// The hash is defined for counters below this; later ones begin again.
constexpr int32_t kCounterEnd = 8000000;
constexpr int32_t kMaxLayers = 1 << 16;
constexpr int64_t kWorkPerElement = 64;

int32_t Counter(const Tensor& scalar) {
  const int32_t value = *scalar.ints() % kCounterEnd;
  return value < 0 ? value + kCounterEnd : value;
}

// The loop whose iterations are slices of x along an axis.
constexpr int kNoLoop = -1;

int Iteration(const OpContext& op, int loop) {
  return loop == kNoLoop ? 0 : op.subgraph().iterations[loop];
}

}  // namespace

void Dropout(OpContext& op) {
  const Tensor x = op.Input(0, TensorType::kFloat32);
  const Tensor step = op.Input(1, TensorType::kInt32);
  const Tensor seed = op.Input(2, TensorType::kInt32);
  const Tensor y = op.Output(0, TensorType::kFloat32);
  op.ExpectShape(x.rank >= 2, "input_rank", 2, x.rank);
  op.ExpectShape(step.elements == 1, "step", 1, step.elements);
  op.ExpectShape(seed.elements == 1, "seed", 1, seed.elements);
  op.ExpectSameShape(x, y, "output");
  DropoutParams params;
  params.rate = op.DoubleOption("rate");
  params.layer = op.IntOption("layer");
  params.spatial = op.BoolOption("spatial");
  params.channels_last = op.OptionalInt("channels_last", 0) != 0;
  op.Expect(params.rate >= 0.0 && params.rate < 1.0, StatusCode::kBadModel,
            "rate");
  op.Expect(params.layer >= 0 && params.layer < kMaxLayers,
            StatusCode::kBadModel, "layer", kMaxLayers, params.layer);
  const int sample = op.OptionalInt("sample_loop", kNoLoop);
  const int line = op.OptionalInt("channel_loop", kNoLoop);
  for (const int loop : {sample, line}) {
    op.Expect(loop >= kNoLoop && loop < op.subgraph().loops,
              StatusCode::kBadModel, "loop", op.subgraph().loops - 1, loop);
  }
  op.CountWork(kWorkPerElement * x.elements);
  if (!op.Ready()) return;
  const int batch = x.dims[0];
  const int lines = x.dims[1];
  const int elements = x.elements / batch / lines;
  params.first_sample = Iteration(op, sample) * batch;
  params.first_line = Iteration(op, line) * lines;
  biotrain::Dropout(params, Counter(step), Counter(seed), x.floats(), batch,
                    lines, elements, y.floats());
}

}  // namespace ops
}  // namespace biotrain
