// SPDX-License-Identifier: Apache-2.0
// A model of one op, to run or to be refused: for tests.
#ifndef TFLM_TRAIN_MICRO_OPS_ONE_OP_TEST_H_
#define TFLM_TRAIN_MICRO_OPS_ONE_OP_TEST_H_

#include <cstring>

#include "tflm_train/micro/interpreter.h"
#include "tflm_train/micro/test_model.h"
#include "tflm_train/testing/micro_test.h"

namespace biotrain {

using Shape = std::initializer_list<int32_t>;
using Fields = std::initializer_list<TestModel::Field>;
constexpr TensorType kInt = TensorType::kInt32;
constexpr TensorType kBool = TensorType::kBool;

constexpr int kSlotBytes = 256;
constexpr int kSlots = 10;
constexpr int64_t kWorkLimit = 1000000;

// A model of one op, whose arena tensors each have a slot of 256 bytes.
class OneOp {
 public:
  OneOp() { model_.BeginSubgraph(); }

  int In(Shape shape, std::initializer_list<float> values) {
    const int tensor = Tensor(shape);
    int i = 0;
    for (const float v : values) Slot<float>(slots_ - 1)[i++] = v;
    return tensor;
  }
  int Ints(Shape shape, std::initializer_list<int32_t> values) {
    const int tensor = Tensor(shape, kInt);
    int i = 0;
    for (const int32_t v : values) Slot<int32_t>(slots_ - 1)[i++] = v;
    return tensor;
  }
  int Bools(Shape shape, std::initializer_list<uint8_t> values) {
    const int tensor = Tensor(shape, kBool);
    int i = 0;
    for (const uint8_t v : values) Slot<uint8_t>(slots_ - 1)[i++] = v;
    return tensor;
  }
  int Tensor(Shape shape, TensorType type = TensorType::kFloat32) {
    return model_.Tensor(shape, slots_++ * kSlotBytes, type);
  }
  int Constant(Shape shape, std::initializer_list<int32_t> values) {
    int32_t* const to = constants_ + constant_count_;
    for (const int32_t v : values) constants_[constant_count_++] = v;
    return model_.Constant(shape, to, static_cast<int>(values.size()));
  }
  int Same(Shape shape, int slot) {
    return model_.Tensor(shape, slot * kSlotBytes);
  }

  OneOp& Op(int builtin, Shape inputs, Shape outputs, Fields options = {}) {
    model_.Op(builtin, inputs, outputs, options);
    return *this;
  }
  OneOp& Custom(const char* name, Shape inputs, Shape outputs) {
    model_.CustomOp(name, inputs, outputs, flex.Finish());
    return *this;
  }

  Status Run() {
    const Span<uint8_t> file = model_.Finish(sizeof arena_, 0);
    Model model;
    Status status = Model::Open(file, &model);
    Subgraph subgraph;
    if (status.ok()) status = model.GetSubgraph(0, &subgraph);
    const Span<uint8_t> arena = {arena_, sizeof arena_};
    if (status.ok()) {
      status = CheckSubgraph(model, subgraph, arena, kWorkLimit);
    }
    if (status.ok()) status = RunSubgraph(model, subgraph, arena, nullptr);
    return status;
  }

  template <typename T>
  T* Slot(int slot) {
    return reinterpret_cast<T*>(arena_ + slot * kSlotBytes);
  }

  FlexWriter flex;

 private:
  TestModel model_;
  int32_t constants_[64];
  int constant_count_ = 0;
  int slots_ = 0;
  alignas(16) uint8_t arena_[kSlots * kSlotBytes] = {};
};

// Room for one; tests run on devices with little stack.
inline OneOp& Fresh() {
  static OneOp one;
  one = OneOp();
  return one;
}

inline void Expect(TestContext& test, OneOp& op, int slot,
                   std::initializer_list<float> want, const char* what) {
  const Status status = op.Run();
  test.ExpectEqual(static_cast<int>(status.code), 0, what);
  test.ExpectNear(op.Slot<float>(slot), want.begin(),
                  static_cast<int>(want.size()), 1e-6, what);
}

inline void Refused(TestContext& test, OneOp& op, StatusCode code,
                    const char* what) {
  test.ExpectEqual(static_cast<int>(op.Run().code), static_cast<int>(code),
                   what);
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_OPS_ONE_OP_TEST_H_
