// SPDX-License-Identifier: Apache-2.0
// The ops of a training model for TFLM. `biotrain convert` writes one for each
// model, <name>_tflm_ops.h.
#ifndef TFLM_TRAIN_TFLM_OP_RESOLVER_H_
#define TFLM_TRAIN_TFLM_OP_RESOLVER_H_

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tflm_train/tflm/training_op.h"

namespace biotrain {

// A MicroMutableOpResolver of `kCustomOps` custom ops and `kBuiltins` builtins
// that the runner's kernels run: they keep its order of summation, work in
// place, and take no builtin data from the arena. Ops of the application may
// be added beside them, kMore of them.
template <unsigned kCustomOps, unsigned kBuiltins, unsigned kMore = 0>
class TrainingOpResolver
    : public tflite::MicroMutableOpResolver<kCustomOps + kMore + 1> {
 public:
  using Base = tflite::MicroMutableOpResolver<kCustomOps + kMore + 1>;
  using Base::FindOp;

  TfLiteStatus AddTrainingOp(const char* name) {
    return this->AddCustom(name, &TrainingOp());
  }

  TfLiteStatus AddTrainingBuiltin(tflite::BuiltinOperator op) {
    if (count_ == kBuiltins) return kTfLiteError;
    builtins_[count_] = TrainingOp();
    builtins_[count_].builtin_code = op;
    ++count_;
    return kTfLiteOk;
  }

  const TFLMRegistration* FindOp(tflite::BuiltinOperator op) const override {
    for (unsigned i = 0; i < count_; ++i) {
      if (builtins_[i].builtin_code == op) return &builtins_[i];
    }
    return Base::FindOp(op);
  }

  tflite::TfLiteBridgeBuiltinParseFunction GetOpDataParser(
      tflite::BuiltinOperator op) const override {
    for (unsigned i = 0; i < count_; ++i) {
      if (builtins_[i].builtin_code == op) return ParseNothing;
    }
    return Base::GetOpDataParser(op);
  }

 private:
  // The runner reads options where they are, in the flatbuffer.
  template <typename... Arguments>
  static TfLiteStatus ParseNothing(Arguments...) {
    return kTfLiteOk;
  }

  TFLMRegistration builtins_[kBuiltins + 1];
  unsigned count_ = 0;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_TFLM_OP_RESOLVER_H_
