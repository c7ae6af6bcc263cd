// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/matmul.h"

#include <initializer_list>

#include "tflm_train/micro/ops/ops.h"
#include "tflm_train/micro/ops/strides.h"
#include "tflm_train/micro/ops/window.h"
#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace ops {
namespace {

constexpr TensorType kFloat = TensorType::kFloat32;
// A row or column of the product, besides its multiply-adds.
constexpr int64_t kWorkPerElement = 8;

}  // namespace

void FullyConnected(OpContext& op) {
  const Tensor x = op.Input(0, kFloat);
  const Tensor w = op.Input(1, kFloat, 2);  // [n,k]
  const Tensor y = op.Output(0, kFloat);
  const int32_t n = w.dims[0];
  const int32_t k = w.dims[1];
  const auto format =
      op.options().Number<int8_t>(schema::fully_connected::kWeightsFormat);
  op.Expect(format == 0, StatusCode::kUnsupportedOp, "weights_format", 0,
            format);
  const Activation activation =
      ActivationOption(op, schema::fully_connected::kActivation);
  if (!op.ok()) return;
  op.ExpectShape(x.elements % k == 0, "input", k, x.elements);
  const int32_t rows = x.elements / k;
  op.ExpectShape(y.last_dim() == n && int64_t{rows} * n == y.elements, "output",
                 int64_t{rows} * n, y.elements);
  const float* bias = nullptr;
  if (op.HasInput(2)) {
    const Tensor vector = op.Input(2, kFloat);
    op.ExpectVector(vector, n, "bias");
    bias = vector.floats();
  }
  op.CountWork((int64_t{k} + kWorkPerElement) * y.elements);
  if (!op.Ready()) return;
  MatMul(x.floats(), /*adj_x=*/false, w.floats(), /*adj_y=*/true, rows, k, n,
         bias, activation, y.floats());
}

void BatchMatMul(OpContext& op) {
  const Tensor a = op.Input(0, kFloat);
  const Tensor b = op.Input(1, kFloat);
  const Tensor y = op.Output(0, kFloat);
  const bool adj_x = op.options().Bool(schema::batch_matmul::kAdjX);
  const bool adj_y = op.options().Bool(schema::batch_matmul::kAdjY);
  for (const Tensor* tensor : {&a, &b, &y}) {
    op.ExpectShape(tensor->rank >= 2, "rank", 2, tensor->rank);
  }
  if (!op.ok()) return;
  const int32_t m = a.dims[a.rank - (adj_x ? 1 : 2)];
  const int32_t k = a.dims[a.rank - (adj_x ? 2 : 1)];
  const int32_t b_k = b.dims[b.rank - (adj_y ? 1 : 2)];
  const int32_t n = b.dims[b.rank - (adj_y ? 2 : 1)];
  op.ExpectShape(b_k == k, "inner_dim", k, b_k);
  op.ExpectShape(y.dims[y.rank - 2] == m, "output_rows", m, y.dims[y.rank - 2]);
  op.ExpectShape(y.dims[y.rank - 1] == n, "output_columns", n,
                 y.dims[y.rank - 1]);
  // The dims before the matrices are broadcast; one step is one matrix.
  const Tensor batch_y = WithoutLastDims(y, 2);
  const Tensor batch_a = WithoutLastDims(a, 2);
  const Tensor batch_b = WithoutLastDims(b, 2);
  const StridedLoop loop = MakeBroadcast(op, batch_y, {&batch_a, &batch_b});
  op.CountWork((int64_t{k} + kWorkPerElement) * y.elements);
  if (!op.Ready()) return;
  const int matrices = loop.dims[loop.rank - 1];
  const int a_step = loop.strides[1][loop.rank - 1];
  const int b_step = loop.strides[2][loop.rank - 1];
  loop.ForEachRow([&](const int* offsets) {
    for (int i = 0; i < matrices; ++i) {
      MatMul(a.floats() + (offsets[1] + i * a_step) * m * k, adj_x,
             b.floats() + (offsets[2] + i * b_step) * k * n, adj_y, m, k, n,
             /*bias=*/nullptr, Activation::kNone,
             y.floats() + (offsets[0] + i) * m * n);
    }
  });
}

}  // namespace ops
}  // namespace biotrain
