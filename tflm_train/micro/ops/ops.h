// SPDX-License-Identifier: Apache-2.0
// One function an op, or a family of ops told apart by OpContext::variant().
// Each checks shapes, types and options completely, and then calls a kernel.
#ifndef TFLM_TRAIN_MICRO_OPS_OPS_H_
#define TFLM_TRAIN_MICRO_OPS_OPS_H_

#include <cstdint>

#include "tflm_train/micro/op_context.h"

namespace biotrain {
namespace ops {

// variables.cc
void CallOnce(OpContext& op);
void VarHandle(OpContext& op);
void ReadVariable(OpContext& op);
void AssignVariable(OpContext& op);

// conv.cc
void Conv2D(OpContext& op);
void DepthwiseConv2D(OpContext& op);
void Conv2DOfCodes(OpContext& op);
void Conv2DOfCodesGradFilter(OpContext& op);
void Conv2DGradFilter(OpContext& op);
void Conv2DGradInput(OpContext& op);
void DepthwiseConv2DGradFilter(OpContext& op);
void DepthwiseConv2DGradInput(OpContext& op);

// pool.cc
void AveragePool2D(OpContext& op);
void MaxPool2D(OpContext& op);
void AveragePool2DGrad(OpContext& op);
void MaxPool2DGrad(OpContext& op);
void MaxPool2DIndices(OpContext& op);
void MaxPool2DGradOfIndices(OpContext& op);

// activation.cc: a function a kind, so that a program has the kinds it uses
enum class ActivationKind : uint8_t {
  kRelu,
  kRelu6,
  kElu,
  kLeakyRelu,
  kTanh,
  kSigmoid,
  kGelu,
  kGeluTanh,
  kSquare,
};
template <ActivationKind kind>
void ActivationForward(OpContext& op);
template <ActivationKind kind>
void ActivationGrad(OpContext& op);

// sign_bits.cc; of ReLU, ReLU6 and leaky ReLU
template <ActivationKind kind>
void ActivationBits(OpContext& op);
template <ActivationKind kind>
void ActivationGradOfBits(OpContext& op);

// norm.cc
void BatchNorm(OpContext& op);
void BatchNormGrad(OpContext& op);
void GroupNorm(OpContext& op);
void GroupNormGrad(OpContext& op);

// norm_pool.cc
void BatchNormMaxPool(OpContext& op);
void BatchNormMaxPoolGrad(OpContext& op);

// norm_parts.cc
void Moments(OpContext& op);
void Normalise(OpContext& op);
void NormGradSums(OpContext& op);
void NormGradInput(OpContext& op);

// norm_average_pool.cc
void NormAveragePool(OpContext& op);
void NormSlopePool(OpContext& op);
void NormPoolGradSums(OpContext& op);
void NormPoolGradInput(OpContext& op);
void SlopesOfCounts(OpContext& op);

// softmax.cc
void Softmax(OpContext& op);
void LogSoftmax(OpContext& op);

// attention.cc
void Attention(OpContext& op);
void AttentionGrad(OpContext& op);

// dropout.cc
void Dropout(OpContext& op);

// update.cc
void Sgd(OpContext& op);
void SgdMomentum(OpContext& op);
void SgdOfStep(OpContext& op);
void SgdMomentumOfStep(OpContext& op);
void Adam(OpContext& op);
void StepFactors(OpContext& op);
void SquareSum(OpContext& op);

// matmul.cc
void FullyConnected(OpContext& op);
void BatchMatMul(OpContext& op);

// elementwise.cc; the variants are those of kernels/elementwise.h
void Binary(OpContext& op);
void Compare(OpContext& op);
void Logical(OpContext& op);
void LogicalNot(OpContext& op);
void Select(OpContext& op);
void Unary(OpContext& op);
void AddN(OpContext& op);
void Cast(OpContext& op);

// reduce.cc; the variants are those of kernels/reduce.h
void Reduce(OpContext& op);

// loop.cc
void ForEach(OpContext& op);

// sample.cc
void Fetch(OpContext& op);
void Dequantise(OpContext& op);

// reshape.cc
void Reshape(OpContext& op);
void BroadcastTo(OpContext& op);
void Fill(OpContext& op);
void ZerosLike(OpContext& op);

// slice.cc
void Slice(OpContext& op);
void StridedSlice(OpContext& op);
void Split(OpContext& op);

// arrange.cc
void Transpose(OpContext& op);
void Pad(OpContext& op);
void Concatenation(OpContext& op);
void Pack(OpContext& op);
void Gather(OpContext& op);

}  // namespace ops
}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_OPS_OPS_H_
