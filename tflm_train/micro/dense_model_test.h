// SPDX-License-Identifier: Apache-2.0
// A dense layer that trains, as a flatbuffer with a plan: for tests.
#ifndef TFLM_TRAIN_MICRO_DENSE_MODEL_TEST_H_
#define TFLM_TRAIN_MICRO_DENSE_MODEL_TEST_H_

#include <cstring>

#include "tflm_train/micro/test_model.h"
#include "tflm_train/micro/trainer.h"
#include "tflm_train/testing/micro_test.h"

namespace biotrain {

// Schema codes of the ops used here.
enum Builtin {
  kMul = 18,
  kGather = 36,
  kSub = 41,
  kSum = 74,
  kBatchMatMul = 126,
  kCallOnce = 129,
  kVarHandle = 142,
  kReadVariable = 143,
  kAssignVariable = 144,
};

constexpr TensorType kResource = TensorType::kResource;

// p = x w, loss = sum((p - eye[y])^2), w -= learning_rate x^T (p - eye[y]).
constexpr int kBatch = 2;
constexpr int kIn = 3;
constexpr int kOut = 2;
constexpr float kLearningRate = 0.25f;
constexpr float kInitial[kIn * kOut] = {0.5f,  -0.25f, 1.0f,
                                        0.75f, -1.0f,  0.125f};
constexpr float kEye[kOut * kOut] = {1.0f, 0.0f, 0.0f, 1.0f};
constexpr int32_t kAllAxes[] = {0, 1};
constexpr float kXData[kBatch * kIn] = {1.0f, 2.0f, -1.0f, 0.5f, 0.0f, 3.0f};
constexpr int32_t kLabels[kBatch] = {1, 0};

constexpr int32_t kArenaBytes = 160;
constexpr int32_t kVariableBytes = 32;

struct DenseOptions {
  int32_t commit_op = 8;
  int32_t commit_infer = -1;
  int32_t x_offset = 32;
  int32_t product_offset = 80;
  const char* update = "BiotrainSgd";
  Span<const int32_t> regions = {};
};

inline Span<uint8_t> MakeDense(TestModel& m, FlexWriter& flex,
                               const DenseOptions& options = {}) {
  const Span<const uint8_t> sgd =
      flex.Float("learning_rate", kLearningRate).Finish();

  m.BeginSubgraph(options.commit_op);
  const int x = m.Tensor({kBatch, kIn}, options.x_offset);
  const int y = m.Tensor({kBatch}, 64, TensorType::kInt32);
  const int handle = m.Tensor({}, 0, kResource);
  const int w = m.Tensor({kIn, kOut}, 0);
  const int eye = m.Constant({kOut, kOut}, kEye, 4);
  const int axes = m.Constant({2}, kAllAxes, 2);
  const int product = m.Tensor({kBatch, kOut}, options.product_offset);
  const int target = m.Tensor({kBatch, kOut}, 96);
  const int error = m.Tensor({kBatch, kOut}, options.product_offset);
  const int square = m.Tensor({kBatch, kOut}, 96);
  const int loss = m.Tensor({}, 112);
  const int gradient = m.Tensor({kIn, kOut}, 128);
  const int updated = m.Tensor({kIn, kOut}, 0);
  m.Op(kCallOnce, {}, {}, {{0, 4}});
  m.Op(kVarHandle, {}, {handle});
  m.Op(kReadVariable, {handle}, {w});
  m.Op(kBatchMatMul, {x, w}, {product});
  m.Op(kGather, {eye, y}, {target});
  m.Op(kSub, {product, target}, {error});
  m.Op(kMul, {error, error}, {square});
  m.Op(kSum, {square, axes}, {loss});
  m.Op(kBatchMatMul, {x, error}, {gradient}, {{0, 1}});
  m.CustomOp(options.update, {w, gradient}, {updated}, sgd);
  m.Op(kAssignVariable, {handle, updated}, {});
  m.Signature("train", {{"x", x}, {"y", y}}, {{"loss", loss}});

  m.BeginSubgraph(options.commit_infer);
  const int infer_x = m.Tensor({1, kIn}, 32);
  const int infer_handle = m.Tensor({}, 0, kResource);
  const int infer_w = m.Tensor({kIn, kOut}, 0);
  const int output = m.Tensor({1, kOut}, 80);
  m.Op(kVarHandle, {}, {infer_handle});
  m.Op(kReadVariable, {infer_handle}, {infer_w});
  m.Op(kBatchMatMul, {infer_x, infer_w}, {output});
  m.Signature("infer", {{"x", infer_x}}, {{"output", output}});

  m.BeginSubgraph();
  const int save_handle = m.Tensor({}, 0, kResource);
  const int saved = m.Tensor({kIn, kOut}, 0);
  m.Op(kVarHandle, {}, {save_handle});
  m.Op(kReadVariable, {save_handle}, {saved});
  m.Signature("save", {}, {{"w", saved}});

  m.BeginSubgraph(1);
  const int restore_handle = m.Tensor({}, 0, kResource);
  const int restored = m.Tensor({kIn, kOut}, 32);
  m.Op(kVarHandle, {}, {restore_handle});
  m.Op(kAssignVariable, {restore_handle, restored}, {});
  m.Signature("restore", {{"w", restored}}, {});

  m.BeginSubgraph();
  const int init_handle = m.Tensor({}, 0, kResource);
  const int initial = m.Constant({kIn, kOut}, kInitial, kIn * kOut);
  m.Op(kVarHandle, {}, {init_handle});
  m.Op(kAssignVariable, {init_handle, initial}, {});
  m.SetRegions(options.regions);
  return m.Finish(kArenaBytes, kVariableBytes);
}

// A trainer with its model, arena and FlexBuffer.
struct Fixture {
  explicit Fixture(const DenseOptions& options = {})
      : file(MakeDense(model, flex, options)) {
    status = Create(sizeof arena);
  }
  Status Create(size_t bytes) {
    return Trainer::Create(file, {arena, bytes}, &trainer);
  }
  Status Train(const float* x, const int32_t* y, float* loss) {
    return trainer.Train({x, kBatch * kIn}, Span<const int32_t>(y, kBatch),
                         loss);
  }
  Status Save(float* weights) const {
    return trainer.Save({reinterpret_cast<uint8_t*>(weights), 24});
  }

  TestModel model;
  FlexWriter flex;
  Span<uint8_t> file;
  alignas(16) uint8_t arena[kArenaBytes];
  Trainer trainer;
  Status status;
};

// Room for one; tests run on devices with little stack.
inline Fixture& Fresh(const DenseOptions& options = {}) {
  alignas(Fixture) static uint8_t place[sizeof(Fixture)];
  struct Placed : Fixture {
    using Fixture::Fixture;
    void* operator new(size_t, void* at) { return at; }
  };
  return *new (place) Placed(options);
}

// The step in the order of operations above.
inline float Step(const float* x, const int32_t* y, float* w) {
  float error[kBatch * kOut];
  float loss = 0.0f;
  for (int b = 0; b < kBatch; ++b) {
    for (int o = 0; o < kOut; ++o) {
      float sum = 0.0f;
      for (int i = 0; i < kIn; ++i) sum += x[b * kIn + i] * w[i * kOut + o];
      error[b * kOut + o] = sum - (y[b] == o ? 1.0f : 0.0f);
      loss += error[b * kOut + o] * error[b * kOut + o];
    }
  }
  for (int i = 0; i < kIn; ++i) {
    for (int o = 0; o < kOut; ++o) {
      float sum = 0.0f;
      for (int b = 0; b < kBatch; ++b) {
        sum += x[b * kIn + i] * error[b * kOut + o];
      }
      w[i * kOut + o] -= kLearningRate * sum;
    }
  }
  return loss;
}

inline void ExpectStatus(TestContext& test, const Status& status,
                         StatusCode code, const char* what) {
  test.ExpectEqual(static_cast<int>(status.code), static_cast<int>(code), what);
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_DENSE_MODEL_TEST_H_
