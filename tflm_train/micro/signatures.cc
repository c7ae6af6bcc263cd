// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/signatures.h"

#include <initializer_list>

#include "tflm_train/micro/interpreter.h"

namespace biotrain {
namespace {

// What all checks are about.
struct Context {
  const Model& model;
  const Arena& arena;
  int64_t work_limit;
};

Status BadModel(const char* what, int64_t wanted, int64_t found) {
  return Error(StatusCode::kBadModel, what, wanted, found);
}

Status NoPlan(const char* what, int64_t wanted, int64_t found) {
  return Error(StatusCode::kNoPlan, what, wanted, found);
}

Status BadType(const char* what, TensorType wanted, TensorType found) {
  return Error(StatusCode::kBadType, what, static_cast<int>(wanted),
               static_cast<int>(found));
}

// Inputs are written before the first op, so they must not lie on variables
// unless it is the variables that are written.
Status CheckInputs(const Context& context, const Signature& signature,
                   const Subgraph& subgraph, bool may_be_variables,
                   bool may_be_fetched) {
  const Model& model = context.model;
  for (int32_t i = 0; i < signature.inputs.size(); ++i) {
    Tensor tensor;
    const Status status = model.GetTensor(
        subgraph, GetEntry(signature.inputs, i).tensor, context.arena, &tensor);
    if (!status.ok()) return status;
    if (tensor.is_constant() || tensor.type == TensorType::kResource) {
      return BadModel("signature_input", 1, 0);
    }
    // Samples that are fetched have no place.
    if (tensor.offset == kSample) {
      const bool x = GetEntry(signature.inputs, i).name.Equals(kX);
      if (may_be_fetched && x) continue;
      return NoPlan("input_place", 0, tensor.offset);
    }
    if (!may_be_variables && tensor.offset < model.variable_bytes()) {
      return NoPlan("input_over_variables", model.variable_bytes(),
                    tensor.offset);
    }
  }
  return {};
}

Status CheckOutputs(const Context& context, const Signature& signature,
                    const Subgraph& subgraph) {
  int64_t bytes = 0;
  for (int32_t i = 0; i < signature.outputs.size(); ++i) {
    Tensor tensor;
    const Status status =
        context.model.GetTensor(subgraph, GetEntry(signature.outputs, i).tensor,
                                context.arena, &tensor);
    if (!status.ok()) return status;
    if (tensor.elements == 0 || tensor.type == TensorType::kResource ||
        tensor.offset == kSample) {
      return BadModel("signature_output", 1, 0);
    }
    bytes += tensor.bytes;
  }
  if (bytes > INT32_MAX) return BadModel("output_bytes", INT32_MAX, bytes);
  return {};
}

// Codes are for samples that are fetched.
Status CheckSampleType(const Tensor& x) {
  if (x.type == TensorType::kFloat32) return {};
  if (x.type == TensorType::kInt16 && x.offset == kSample) return {};
  return BadType(kX, TensorType::kFloat32, x.type);
}

Status CheckTrainEnds(const Context& context, const Signature& signature,
                      const Subgraph& subgraph) {
  const Model& model = context.model;
  Tensor x, y, loss;
  Status status = GetEnd(model, context.arena, kTrain, Side::kInput, kX, &x);
  if (status.ok()) {
    status = GetEnd(model, context.arena, kTrain, Side::kInput, kY, &y);
  }
  if (status.ok()) {
    status = GetEnd(model, context.arena, kTrain, Side::kOutput, kLoss, &loss);
  }
  if (!status.ok()) return status;
  status = CheckSampleType(x);
  if (!status.ok()) return status;
  if (y.type != TensorType::kFloat32 && y.type != TensorType::kInt32) {
    return BadType(kY, TensorType::kInt32, y.type);
  }
  if (loss.type != TensorType::kFloat32) {
    return BadType(kLoss, TensorType::kFloat32, loss.type);
  }
  if (loss.elements != 1) {
    return Error(StatusCode::kBadShape, kLoss, 1, loss.elements);
  }
  if (x.is_in_arena() && x.offset < y.offset + y.bytes &&
      y.offset < x.offset + x.bytes) {
    return NoPlan("inputs_overlap", x.offset, y.offset);
  }
  // Otherwise what is looked at before the commit would not be the loss.
  const int32_t end =
      subgraph.commit_op >= 0 ? subgraph.commit_op : subgraph.operators.size();
  if (!IsComputedBefore(subgraph, end, FindEntry(signature.outputs, kLoss))) {
    return NoPlan("loss_after_commit", end, -1);
  }
  return {};
}

Status CheckInferEnds(const Context& context) {
  Tensor x, output;
  Status status =
      GetEnd(context.model, context.arena, kInfer, Side::kInput, kX, &x);
  if (status.ok()) {
    status = GetEnd(context.model, context.arena, kInfer, Side::kOutput,
                    kOutput, &output);
  }
  if (status.ok()) status = CheckSampleType(x);
  if (status.ok() && output.type != TensorType::kFloat32) {
    status = BadType(kInfer, TensorType::kFloat32, output.type);
  }
  return status;
}

// Every saved tensor must find an input of its name and size.
Status CheckRestoreEnds(const Context& context, const Signature& restore,
                        const Subgraph& restore_subgraph) {
  const Model& model = context.model;
  Signature save;
  Subgraph save_subgraph;
  Status status = model.GetSignature(kSave, &save);
  if (!status.ok()) return BadModel(kSave, 1, 0);
  status = model.GetSubgraph(save.subgraph, &save_subgraph);
  if (status.ok() && save.outputs.size() != restore.inputs.size()) {
    return BadModel("restore_inputs", save.outputs.size(),
                    restore.inputs.size());
  }
  for (int32_t i = 0; i < save.outputs.size() && status.ok(); ++i) {
    const SignatureEntry entry = GetEntry(save.outputs, i);
    Tensor saved, restored;
    status =
        model.GetTensor(save_subgraph, entry.tensor, context.arena, &saved);
    if (!status.ok()) return status;
    status =
        model.GetTensor(restore_subgraph, FindEntry(restore.inputs, entry.name),
                        context.arena, &restored);
    if (!status.ok()) return status;
    if (saved.type != restored.type || saved.bytes != restored.bytes) {
      return BadModel("restore_bytes", saved.bytes, restored.bytes);
    }
  }
  return status;
}

enum class Kind { kTrain, kInfer, kSave, kRestore };

struct Rules {
  Kind kind;
  const char* key;
  bool may_write_variables;
  bool inputs_may_be_variables;
};

constexpr Rules kRules[] = {
    {Kind::kTrain, kTrain, true, false},
    {Kind::kInfer, kInfer, false, false},
    {Kind::kSave, kSave, false, false},
    {Kind::kRestore, kRestore, true, true},
};

Status CheckEnds(const Context& context, const Rules& rules,
                 const Signature& signature, const Subgraph& subgraph) {
  if (!rules.may_write_variables && subgraph.commit_op >= 0) {
    return NoPlan("commit_op", -1, subgraph.commit_op);
  }
  const Status inputs =
      CheckInputs(context, signature, subgraph, rules.inputs_may_be_variables,
                  !rules.inputs_may_be_variables);
  if (!inputs.ok()) return inputs;
  const Status outputs = CheckOutputs(context, signature, subgraph);
  if (!outputs.ok()) return outputs;
  switch (rules.kind) {
    case Kind::kTrain:
      return CheckTrainEnds(context, signature, subgraph);
    case Kind::kInfer:
      return CheckInferEnds(context);
    case Kind::kSave:
      return {};
    case Kind::kRestore:
      return CheckRestoreEnds(context, signature, subgraph);
  }
  return {};
}

Status CheckSignature(const Context& context, const Rules& rules,
                      const Signature& signature, int32_t* init) {
  Subgraph subgraph;
  Status status = context.model.GetSubgraph(signature.subgraph, &subgraph);
  if (!status.ok()) return status;
  subgraph.accumulates = rules.kind == Kind::kTrain;
  status =
      CheckSubgraph(context.model, subgraph, context.arena, context.work_limit);
  if (!status.ok()) return status;
  status = CheckEnds(context, rules, signature, subgraph);
  if (!status.ok()) return status;
  int32_t found;
  status = FindInitSubgraph(context.model, subgraph, &found);
  if (!status.ok() || found < 0) return status;
  if (*init >= 0 && *init != found) {
    return BadModel("init_subgraph", *init, found);
  }
  *init = found;
  return {};
}

}  // namespace

Status GetEnd(const Model& model, const Arena& arena, const char* signature,
              Side side, const char* name, Tensor* tensor) {
  Signature found;
  Status status = model.GetSignature(signature, &found);
  if (!status.ok()) return status;
  const TableVector& entries =
      side == Side::kInput ? found.inputs : found.outputs;
  const int32_t index = FindEntry(entries, name);
  Subgraph subgraph;
  if (index < 0) {
    status = Error(StatusCode::kNoSignature, name, 1, 0);
  } else {
    status = model.GetSubgraph(found.subgraph, &subgraph);
  }
  if (status.ok()) status = model.GetTensor(subgraph, index, arena, tensor);
  status.where = signature;
  return status;
}

Status CheckSignatures(const Model& model, const Arena& arena,
                       int64_t work_limit, int32_t* init) {
  const Context context = {model, arena, work_limit};
  *init = -1;
  for (const Rules& rules : kRules) {
    Signature signature;
    Status status = model.GetSignature(rules.key, &signature);
    if (status.ok()) status = CheckSignature(context, rules, signature, init);
    if (!status.ok()) {
      if (status.where[0] == '\0') status.where = rules.key;
      return status;
    }
  }
  if (*init < 0) return {};
  Subgraph subgraph;
  const Status status = GetInitSubgraph(model, *init, &subgraph);
  if (!status.ok()) return status;
  return CheckSubgraph(model, subgraph, arena, work_limit);
}

}  // namespace biotrain
