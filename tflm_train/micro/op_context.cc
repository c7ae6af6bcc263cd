// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/op_context.h"

#include "tflm_train/micro/interpreter.h"
#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace {

// Whether they share bytes, for slices that move alike in the same iteration,
// otherwise in any. Offsets are those of the first iteration.
bool Overlap(const Tensor& a, const Tensor& b) {
  if (!a.is_in_arena() || !b.is_in_arena()) return false;
  const bool alike = MoveAlike(a, b);
  const int32_t a_end = alike ? a.offset + a.bytes : a.end;
  const int32_t b_end = alike ? b.offset + b.bytes : b.end;
  return a.offset < b_end && b.offset < a_end;
}

bool SamePlace(const Tensor& a, const Tensor& b) {
  return a.offset == b.offset && a.bytes == b.bytes && MoveAlike(a, b);
}

}  // namespace

OpContext::OpContext(const Model& model, const Subgraph& subgraph,
                     int32_t op_index, const Arena& arena, bool check_only)
    : model_(model),
      subgraph_(subgraph),
      op_index_(op_index),
      arena_(arena),
      check_only_(check_only),
      inputs_(subgraph.operators.Trusted(op_index).Vector<int32_t>(
          schema::op::kInputs)),
      outputs_(subgraph.operators.Trusted(op_index).Vector<int32_t>(
          schema::op::kOutputs)) {}

void OpContext::Complain(StatusCode code, const char* what, int64_t wanted,
                         int64_t found) {
  if (ok()) status_ = Error(code, what, wanted, found);
}

const FlexMap& OpContext::CustomOptions() {
  if (!custom_options_.present()) {
    custom_options_ =
        FlexMap(subgraph_.operators.Trusted(op_index_).Vector<uint8_t>(
            schema::op::kCustomOptions));
  }
  return custom_options_;
}

bool OpContext::ExpectSameShape(const Tensor& a, const Tensor& b,
                                const char* what) {
  return ExpectShape(SameShape(a, b), what, a.elements, b.elements);
}

bool OpContext::ExpectVector(const Tensor& tensor, int32_t size,
                             const char* what) {
  return ExpectShape(tensor.rank == 1 && tensor.elements == size, what, size,
                     tensor.elements);
}

void OpContext::AddWork(int64_t multiply_adds) {
  // Callers multiply tensor sizes and may reach far; saturate.
  if (multiply_adds < 0 || work_ > INT64_MAX - multiply_adds) {
    work_ = INT64_MAX;
  } else {
    work_ += multiply_adds;
  }
}

Tensor OpContext::Get(int32_t index, const char* what) {
  Tensor tensor;
  const Status status = model_.GetTensor(subgraph_, index, arena_, &tensor);
  if (!status.ok()) {
    if (ok()) status_ = status;
    return {};
  }
  ExpectShape(tensor.elements > 0, what, 1, tensor.elements);
  return tensor;
}

void OpContext::ExpectType(const Tensor& tensor, TensorType type,
                           const char* what) {
  Expect(tensor.type == type, StatusCode::kBadType, what,
         static_cast<int>(type), static_cast<int>(tensor.type));
}

void OpContext::ExpectBytes(const Tensor& tensor, const char* what) {
  Expect(tensor.type != TensorType::kResource, StatusCode::kBadType, what,
         static_cast<int>(TensorType::kFloat32), static_cast<int>(tensor.type));
}

void OpContext::ExpectData(const Tensor& tensor, const char* what) {
  const bool data =
      tensor.type != TensorType::kResource && tensor.type != TensorType::kUint8;
  Expect(data, StatusCode::kBadType, what,
         static_cast<int>(TensorType::kFloat32), static_cast<int>(tensor.type));
}

void OpContext::GetInput(int i, Tensor* tensor) {
  if (check_only_) {
    if (Expect(HasInput(i), StatusCode::kBadModel, "inputs", i + 1, inputs())) {
      *tensor = Get(inputs_[i], "input");
      // What could fail then would leave some variables changed.
      Expect(tensor->offset != kSample || !MayCommit(), StatusCode::kNoPlan,
             "sample_after_commit", 0, 1);
    }
    return;
  }
  if (tensors_ != nullptr) {
    *tensor = tensors_[i];
    return;
  }
  model_.ReadTensor(subgraph_, inputs_[i], arena_, tensor);
  if (tensor->offset != kSample) return;
  // Not before it was fetched, and no more than was.
  Expect(tensor->bytes <= subgraph_.sample_bytes, StatusCode::kNoPlan,
         "sample_bytes", subgraph_.sample_bytes, tensor->bytes);
}

Tensor OpContext::Input(int i) {
  Tensor tensor = kNoTensor;
  GetInput(i, &tensor);
  ExpectData(tensor, "input_type");
  return tensor;
}

Tensor OpContext::InputOfAnyType(int i) {
  Tensor tensor = kNoTensor;
  GetInput(i, &tensor);
  ExpectBytes(tensor, "input_type");
  return tensor;
}

Tensor OpContext::OutputOfAnyType(int i) {
  Tensor tensor = kNoTensor;
  GetOutput(i, &tensor);
  ExpectBytes(tensor, "output_type");
  return tensor;
}

Tensor OpContext::Input(int i, TensorType type) {
  Tensor tensor = kNoTensor;
  GetInput(i, &tensor);
  ExpectType(tensor, type, "input_type");
  return tensor;
}

Tensor OpContext::Input(int i, TensorType type, int rank) {
  const Tensor tensor = Input(i, type);
  ExpectShape(tensor.rank == rank, "input_rank", rank, tensor.rank);
  return tensor;
}

void OpContext::GetOutput(int i, Tensor* tensor) {
  if (tensors_ != nullptr) {
    *tensor = tensors_[inputs() + i];
    return;
  }
  if (!check_only_) {
    model_.ReadTensor(subgraph_, outputs_[i], arena_, tensor);
    return;
  }
  if (!Expect(i < outputs(), StatusCode::kBadModel, "outputs", i + 1,
              outputs())) {
    return;
  }
  *tensor = Get(outputs_[i], "output");
  Expect(tensor->is_in_arena(),
         tensor->is_constant() ? StatusCode::kBadModel : StatusCode::kNoPlan,
         "output_place", 0, tensor->offset);
}

Tensor OpContext::Output(int i) {
  Tensor tensor = kNoTensor;
  GetOutput(i, &tensor);
  ExpectData(tensor, "output_type");
  return tensor;
}

Tensor OpContext::Output(int i, TensorType type) {
  Tensor tensor = kNoTensor;
  GetOutput(i, &tensor);
  ExpectType(tensor, type, "output_type");
  return tensor;
}

Tensor OpContext::Output(int i, TensorType type, int rank) {
  const Tensor tensor = Output(i, type);
  ExpectShape(tensor.rank == rank, "output_rank", rank, tensor.rank);
  return tensor;
}

int OpContext::ConstantInts(int i, int limit, int32_t* values) {
  if (!Expect(HasInput(i), StatusCode::kBadModel, "inputs", i + 1, inputs())) {
    return 0;
  }
  Tensor tensor;
  if (check_only_) {
    const Status status =
        model_.GetTensor(subgraph_, inputs_[i], arena_, &tensor);
    if (!status.ok()) {
      if (ok()) status_ = status;
      return 0;
    }
  } else {
    model_.ReadTensor(subgraph_, inputs_[i], arena_, &tensor);
  }
  ExpectType(tensor, TensorType::kInt32, "input_type");
  if (!Expect(tensor.is_constant(), StatusCode::kUnsupportedOp,
              "computed_parameter") ||
      !ExpectShape(tensor.elements <= limit, "parameters", limit,
                   tensor.elements)) {
    return 0;
  }
  for (int k = 0; k < tensor.elements; ++k) values[k] = tensor.ints()[k];
  return tensor.elements;
}

int32_t OpContext::ConstantInt(int i) {
  int32_t value = 0;
  const int count = ConstantInts(i, 1, &value);
  ExpectShape(count == 1, "parameters", 1, count);
  return value;
}

int32_t OpContext::IntOption(const char* key) {
  int32_t value = 0;
  Expect(CustomOptions().Int(key, &value), StatusCode::kBadModel, key, 1, 0);
  return value;
}

int32_t OpContext::OptionalInt(const char* key, int32_t otherwise) {
  int32_t value = otherwise;
  return CustomOptions().Int(key, &value) ? value : otherwise;
}

float OpContext::FloatOption(const char* key) {
  return static_cast<float>(DoubleOption(key));
}

double OpContext::DoubleOption(const char* key) {
  double value = 0.0;
  // What Float gives fits a float, so that it is finite unless it is NaN.
  const bool found = CustomOptions().Float(key, &value) && value == value;
  Expect(found, StatusCode::kBadModel, key, 1, 0);
  return found ? value : 0.0;
}

bool OpContext::BoolOption(const char* key) {
  bool value = false;
  Expect(CustomOptions().Bool(key, &value), StatusCode::kBadModel, key, 1, 0);
  return value;
}

Text OpContext::StringOption(const char* key) {
  Text value;
  Expect(CustomOptions().String(key, &value), StatusCode::kBadModel, key, 1, 0);
  return value;
}

void OpContext::CheckMemory(InPlace in_place) {
  if (in_place == InPlace::kFetch) return;
  for (int o = 0; o < outputs() && ok(); ++o) {
    Tensor output;
    GetOutput(o, &output);
    if (output.type == TensorType::kResource) continue;
    for (int other = 0; other < o; ++other) {
      Tensor earlier;
      GetOutput(other, &earlier);
      Expect(!Overlap(output, earlier), StatusCode::kNoPlan, "outputs_overlap",
             o, other);
    }
    bool stays = false;  // the bytes are already there
    for (int i = 0; i < inputs() && ok(); ++i) {
      if (!HasInput(i)) continue;
      Tensor input;
      const Status status =
          model_.GetTensor(subgraph_, inputs_[i], arena_, &input);
      if (!status.ok()) {
        status_ = status;
        return;
      }
      if (in_place == InPlace::kCopy) {
        stays |= output.offset == input.offset && MoveAlike(output, input);
        continue;
      }
      if (!Overlap(output, input)) continue;
      const bool allowed =
          in_place == InPlace::kElementwise || in_place == InPlace::kLoop ||
          (in_place == InPlace::kLastInput && o == 0 && i == inputs() - 1);
      Expect(allowed && SamePlace(output, input), StatusCode::kNoPlan,
             "output_overlaps_input", input.offset, output.offset);
    }
    Expect(stays || MayWrite(output), StatusCode::kNoPlan,
           "write_before_commit", commit_op(), op_index_);
  }
}

}  // namespace biotrain
