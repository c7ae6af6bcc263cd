// SPDX-License-Identifier: Apache-2.0
// Arithmetic, comparisons and selection, element by element. Every output may
// be the same buffer as any one input of its size. Operands are broadcast by
// the strides of the loop: operand 0 is y, contiguous; then the inputs in
// order. Booleans are bytes, anything but 0 is true.
#ifndef TFLM_TRAIN_KERNELS_ELEMENTWISE_H_
#define TFLM_TRAIN_KERNELS_ELEMENTWISE_H_

#include <cstdint>

#include "tflm_train/kernels/geometry.h"
#include "tflm_train/kernels/strided_loop.h"

namespace biotrain {

enum class BinaryOp : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,  // float only
  kMinimum,
  kMaximum,
  kSquaredDifference,  // float only
};

// A NaN in either operand makes a NaN of minimum and maximum too.
void BinaryFloat(BinaryOp op, const StridedLoop& loop, const float* a,
                 const float* b, Activation activation, float* y);
// Wraps around like two's complement; no division.
void BinaryInt32(BinaryOp op, const StridedLoop& loop, const int32_t* a,
                 const int32_t* b, int32_t* y);

enum class CompareOp : uint8_t {
  kEqual,
  kNotEqual,
  kGreater,
  kGreaterEqual,
  kLess,
  kLessEqual,
};

void CompareFloat(CompareOp op, const StridedLoop& loop, const float* a,
                  const float* b, uint8_t* y);
void CompareInt32(CompareOp op, const StridedLoop& loop, const int32_t* a,
                  const int32_t* b, uint8_t* y);

enum class LogicalOp : uint8_t { kAnd, kOr };

void Logical(LogicalOp op, const StridedLoop& loop, const uint8_t* a,
             const uint8_t* b, uint8_t* y);
void LogicalNot(const uint8_t* x, int n, uint8_t* y);

// y = condition ? a : b; three inputs.
void SelectFloat(const StridedLoop& loop, const uint8_t* condition,
                 const float* a, const float* b, float* y);
void SelectInt32(const StridedLoop& loop, const uint8_t* condition,
                 const int32_t* a, const int32_t* b, int32_t* y);

enum class UnaryOp : uint8_t {
  kNeg,
  kAbs,
  kExp,
  kLog,
  kSqrt,
  kRsqrt,
  kSquare,
  kFloor,
};

void Unary(UnaryOp op, const float* x, int n, float* y);

// inputs[0] + inputs[1] + ..., in this order.
void AddN(const float* const* inputs, int count, int n, float* y);

// float -> int32 rounds towards zero and saturates; NaN becomes 0.
void CastFloatToInt32(const float* x, int n, int32_t* y);
void CastInt32ToFloat(const int32_t* x, int n, float* y);
void CastBoolToFloat(const uint8_t* x, int n, float* y);
void CastBoolToInt32(const uint8_t* x, int n, int32_t* y);
void CastFloatToBool(const float* x, int n, uint8_t* y);
void CastInt32ToBool(const int32_t* x, int n, uint8_t* y);

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_ELEMENTWISE_H_
