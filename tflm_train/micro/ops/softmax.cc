// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/softmax.h"

#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace ops {
namespace {

constexpr int64_t kWorkPerElement = 64;

struct Rows {
  Tensor x;
  Tensor y;
};

Rows CheckRows(OpContext& op) {
  const Rows rows = {op.Input(0, TensorType::kFloat32),
                     op.Output(0, TensorType::kFloat32)};
  op.ExpectSameShape(rows.x, rows.y, "output");
  op.CountWork(kWorkPerElement * rows.x.elements);
  return rows;
}

}  // namespace

void Softmax(OpContext& op) {
  const Rows rows = CheckRows(op);
  const auto beta = op.options().Number<float>(schema::softmax::kBeta);
  if (!op.Ready()) return;
  const int n = rows.x.last_dim();
  biotrain::Softmax(rows.x.floats(), rows.x.elements / n, n, beta,
                    rows.y.floats());
}

void LogSoftmax(OpContext& op) {
  const Rows rows = CheckRows(op);
  if (!op.Ready()) return;
  const int n = rows.x.last_dim();
  biotrain::LogSoftmax(rows.x.floats(), rows.x.elements / n, n,
                       rows.y.floats());
}

}  // namespace ops
}  // namespace biotrain
