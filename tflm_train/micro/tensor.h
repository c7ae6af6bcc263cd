// SPDX-License-Identifier: Apache-2.0
// A tensor as an op sees it: shape, type and where its bytes are.
#ifndef TFLM_TRAIN_MICRO_TENSOR_H_
#define TFLM_TRAIN_MICRO_TENSOR_H_

#include <cstdint>

namespace biotrain {

// Values of the TFLite schema.
enum class TensorType : int8_t {
  kFloat32 = 0,
  kInt32 = 2,
  kUint8 = 3,  // for the ops that say so alone
  kBool = 6,
  kInt16 = 7,
  kResource = 13,
};

constexpr int kMaxRank = 6;

// How deep loops may lie inside one another.
constexpr int kMaxLoops = 2;

// Places outside the arena: in the file, and where a source has its samples.
constexpr int32_t kConstant = -1;
constexpr int32_t kSample = -2;

struct Tensor {
  TensorType type = TensorType::kFloat32;
  int rank = 0;
  int32_t dims[kMaxRank] = {};
  int32_t elements = 0;
  int32_t bytes = 0;
  int32_t offset = kConstant;  // in the arena, or one of those above
  // In a loop a tensor may be a slice, another one in every iteration: bytes
  // from one to the next, by loop, and the end of the last one.
  int32_t strides[kMaxLoops] = {};
  int32_t end = 0;
  uint8_t* data = nullptr;  // never written if the tensor is a constant

  bool is_constant() const { return offset == kConstant; }
  bool is_in_arena() const { return offset >= 0; }
  float* floats() const { return reinterpret_cast<float*>(data); }
  int16_t* codes() const { return reinterpret_cast<int16_t*>(data); }
  uint8_t* small_counts() const { return data; }
  int32_t* ints() const { return reinterpret_cast<int32_t*>(data); }
  // One byte an element; anything but 0 is true.
  uint8_t* bools() const { return data; }

  int32_t last_dim() const { return rank == 0 ? 1 : dims[rank - 1]; }
};

inline bool MoveAlike(const Tensor& a, const Tensor& b) {
  for (int i = 0; i < kMaxLoops; ++i) {
    if (a.strides[i] != b.strides[i]) return false;
  }
  return true;
}

inline bool SameShape(const Tensor& a, const Tensor& b) {
  if (a.rank != b.rank) return false;
  for (int i = 0; i < a.rank; ++i) {
    if (a.dims[i] != b.dims[i]) return false;
  }
  return true;
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_TENSOR_H_
