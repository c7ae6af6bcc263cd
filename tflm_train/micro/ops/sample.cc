// SPDX-License-Identifier: Apache-2.0
// How a sample of the batch gets into the body of a loop.
#include "tflm_train/kernels/data_movement.h"
#include "tflm_train/kernels/from_codes.h"
#include "tflm_train/micro/ops/ops.h"

namespace biotrain {
namespace ops {
namespace {

constexpr int kNoLoop = -1;  // the only sample

}  // namespace

// Every output is the sample of the current iteration, in the shape that its
// readers want. Without a place in the arena it is read where its source has
// it.
void Fetch(OpContext& op) {
  const int loop = op.IntOption("loop");
  const Subgraph& body = op.subgraph();
  op.Expect(loop >= kNoLoop && loop < body.loops, StatusCode::kBadModel, "loop",
            body.loops - 1, loop);
  op.Expect(op.outputs() > 0, StatusCode::kBadModel, "outputs", 1, 0);
  if (!op.ok()) return;
  const Tensor first = op.End(op.output_indices()[0]);
  op.Expect(!first.is_constant(), StatusCode::kBadModel, "constant_output");
  for (const int32_t output : op.output_indices()) {
    const Tensor tensor = op.End(output);
    op.Expect(tensor.offset == first.offset && tensor.bytes == first.bytes,
              StatusCode::kNoPlan, "sample", first.offset, tensor.offset);
    const bool known = tensor.type == TensorType::kFloat32 ||
                       tensor.type == TensorType::kInt16;
    op.Expect(known, StatusCode::kBadType, "sample",
              static_cast<int>(TensorType::kFloat32),
              static_cast<int>(tensor.type));
  }
  op.CountWork(first.elements);
  if (!op.Ready()) return;
  uint8_t* const buffer = first.is_in_arena() ? first.data : nullptr;
  const int32_t i = loop == kNoLoop ? 0 : body.iterations[loop];
  const SampleSource* source = body.source;
  const void* sample =
      source == nullptr ? nullptr
                        : source->get(source->context, i, buffer, first.bytes);
  const bool aligned =
      buffer != nullptr ||
      reinterpret_cast<uintptr_t>(sample) % alignof(float) == 0;
  op.Expect(sample != nullptr && aligned, StatusCode::kBadArgument, "sample",
            alignof(float), i);
  if (!op.ok()) return;
  if (buffer == nullptr) {
    body.sample = static_cast<const uint8_t*>(sample);
    body.sample_bytes = first.bytes;
  } else if (sample != buffer) {
    CopyBytes(sample, first.bytes, buffer);
  }
}

// The codes of an analogue-to-digital converter, times what one of them is.
void Dequantise(OpContext& op) {
  const Tensor x = op.Input(0, TensorType::kInt16);
  const Tensor y = op.Output(0, TensorType::kFloat32);
  op.ExpectShape(x.elements == y.elements, "output", x.elements, y.elements);
  const float scale = op.FloatOption("scale");
  op.CountWork(x.elements);
  if (!op.Ready()) return;
  biotrain::Dequantise(x.codes(), x.elements, scale, y.floats());
}

}  // namespace ops
}  // namespace biotrain
