// SPDX-License-Identifier: Apache-2.0
// Every op the runner has. Of this list only what a program's table selects is
// linked: it is read by the compiler alone.
#ifndef TFLM_TRAIN_MICRO_OPS_ALL_OPS_H_
#define TFLM_TRAIN_MICRO_OPS_ALL_OPS_H_

#include "tflm_train/kernels/elementwise.h"
#include "tflm_train/kernels/reduce.h"
#include "tflm_train/micro/op_table.h"
#include "tflm_train/micro/ops/ops.h"

namespace biotrain {
namespace all_ops {

// Inputs of CONCATENATION, PACK and ADD_N, outputs of SPLIT.
inline constexpr uint8_t kMany = 255;

template <typename Variant>
constexpr uint8_t V(Variant variant) {
  return static_cast<uint8_t>(variant);
}

using ops::ActivationKind;

inline constexpr InPlace kNever = InPlace::kNever;
inline constexpr InPlace kElementwise = InPlace::kElementwise;
inline constexpr InPlace kLastInput = InPlace::kLastInput;
inline constexpr InPlace kCopy = InPlace::kCopy;
inline constexpr InPlace kLoop = InPlace::kLoop;
inline constexpr InPlace kFetch = InPlace::kFetch;
inline constexpr InPlace kNothing = InPlace::kNothing;

// clang-format off
inline constexpr OpEntry kAllOps[] = {
    // Schema code and name, function, inputs from and to, outputs, overlap,
    // variant.
    {0, "ADD", ops::Binary, 2, 2, 1, kElementwise, V(BinaryOp::kAdd)},
    {2, "CONCATENATION", ops::Concatenation, 1, kMany, 1, kNever, 0},
    {8, "FLOOR", ops::Unary, 1, 1, 1, kElementwise, V(UnaryOp::kFloor)},
    {9, "FULLY_CONNECTED", ops::FullyConnected, 2, 3, 1, kNever, 0},
    {14, "LOGISTIC", ops::ActivationForward<ActivationKind::kSigmoid>, 1, 1, 1, kElementwise, 0},
    {18, "MUL", ops::Binary, 2, 2, 1, kElementwise, V(BinaryOp::kMul)},
    {19, "RELU", ops::ActivationForward<ActivationKind::kRelu>, 1, 1, 1, kElementwise, 0},
    {21, "RELU6", ops::ActivationForward<ActivationKind::kRelu6>, 1, 1, 1, kElementwise, 0},
    {22, "RESHAPE", ops::Reshape, 1, 2, 1, kCopy, 0},
    {25, "SOFTMAX", ops::Softmax, 1, 1, 1, kElementwise, 0},
    {28, "TANH", ops::ActivationForward<ActivationKind::kTanh>, 1, 1, 1, kElementwise, 0},
    {34, "PAD", ops::Pad, 2, 2, 1, kNever, 0},
    {36, "GATHER", ops::Gather, 2, 2, 1, kNever, 0},
    {39, "TRANSPOSE", ops::Transpose, 2, 2, 1, kNever, 0},
    {40, "MEAN", ops::Reduce, 2, 2, 1, kNever, V(ReduceOp::kMean)},
    {41, "SUB", ops::Binary, 2, 2, 1, kElementwise, V(BinaryOp::kSub)},
    {42, "DIV", ops::Binary, 2, 2, 1, kElementwise, V(BinaryOp::kDiv)},
    {43, "SQUEEZE", ops::Reshape, 1, 1, 1, kCopy, 0},
    {45, "STRIDED_SLICE", ops::StridedSlice, 4, 4, 1, kNever, 0},
    {47, "EXP", ops::Unary, 1, 1, 1, kElementwise, V(UnaryOp::kExp)},
    {49, "SPLIT", ops::Split, 2, 2, kMany, kNever, 0},
    {50, "LOG_SOFTMAX", ops::LogSoftmax, 1, 1, 1, kElementwise, 0},
    {53, "CAST", ops::Cast, 1, 1, 1, kNever, 0},
    {55, "MAXIMUM", ops::Binary, 2, 2, 1, kElementwise, V(BinaryOp::kMaximum)},
    {57, "MINIMUM", ops::Binary, 2, 2, 1, kElementwise, V(BinaryOp::kMinimum)},
    {58, "LESS", ops::Compare, 2, 2, 1, kNever, V(CompareOp::kLess)},
    {59, "NEG", ops::Unary, 1, 1, 1, kElementwise, V(UnaryOp::kNeg)},
    {60, "PADV2", ops::Pad, 3, 3, 1, kNever, 0},
    {61, "GREATER", ops::Compare, 2, 2, 1, kNever, V(CompareOp::kGreater)},
    {62, "GREATER_EQUAL", ops::Compare, 2, 2, 1, kNever, V(CompareOp::kGreaterEqual)},
    {63, "LESS_EQUAL", ops::Compare, 2, 2, 1, kNever, V(CompareOp::kLessEqual)},
    {65, "SLICE", ops::Slice, 3, 3, 1, kNever, 0},
    {70, "EXPAND_DIMS", ops::Reshape, 2, 2, 1, kCopy, 0},
    {71, "EQUAL", ops::Compare, 2, 2, 1, kNever, V(CompareOp::kEqual)},
    {72, "NOT_EQUAL", ops::Compare, 2, 2, 1, kNever, V(CompareOp::kNotEqual)},
    {73, "LOG", ops::Unary, 1, 1, 1, kElementwise, V(UnaryOp::kLog)},
    {74, "SUM", ops::Reduce, 2, 2, 1, kNever, V(ReduceOp::kSum)},
    {75, "SQRT", ops::Unary, 1, 1, 1, kElementwise, V(UnaryOp::kSqrt)},
    {76, "RSQRT", ops::Unary, 1, 1, 1, kElementwise, V(UnaryOp::kRsqrt)},
    {82, "REDUCE_MAX", ops::Reduce, 2, 2, 1, kNever, V(ReduceOp::kMax)},
    {83, "PACK", ops::Pack, 1, kMany, 1, kNever, 0},
    {84, "LOGICAL_OR", ops::Logical, 2, 2, 1, kElementwise, V(LogicalOp::kOr)},
    {86, "LOGICAL_AND", ops::Logical, 2, 2, 1, kElementwise, V(LogicalOp::kAnd)},
    {87, "LOGICAL_NOT", ops::LogicalNot, 1, 1, 1, kElementwise, 0},
    {89, "REDUCE_MIN", ops::Reduce, 2, 2, 1, kNever, V(ReduceOp::kMin)},
    {92, "SQUARE", ops::Unary, 1, 1, 1, kElementwise, V(UnaryOp::kSquare)},
    {93, "ZEROS_LIKE", ops::ZerosLike, 1, 1, 1, kElementwise, 0},
    {94, "FILL", ops::Fill, 2, 2, 1, kNever, 0},
    {98, "LEAKY_RELU", ops::ActivationForward<ActivationKind::kLeakyRelu>, 1, 1, 1, kElementwise, 0},
    {99, "SQUARED_DIFFERENCE", ops::Binary, 2, 2, 1, kElementwise, V(BinaryOp::kSquaredDifference)},
    {101, "ABS", ops::Unary, 1, 1, 1, kElementwise, V(UnaryOp::kAbs)},
    {106, "ADD_N", ops::AddN, 1, kMany, 1, kElementwise, 0},
    {111, "ELU", ops::ActivationForward<ActivationKind::kElu>, 1, 1, 1, kElementwise, 0},
    {123, "SELECT_V2", ops::Select, 3, 3, 1, kElementwise, 0},
    {126, "BATCH_MATMUL", ops::BatchMatMul, 2, 2, 1, kNever, 0},
    {129, "CALL_ONCE", ops::CallOnce, 0, 0, 0, kNothing, 0},
    {130, "BROADCAST_TO", ops::BroadcastTo, 2, 2, 1, kNever, 0},
    {142, "VAR_HANDLE", ops::VarHandle, 0, 0, 1, kNothing, 0},
    {143, "READ_VARIABLE", ops::ReadVariable, 1, 1, 1, kCopy, 0},
    {144, "ASSIGN_VARIABLE", ops::AssignVariable, 2, 2, 0, kCopy, 0},

    {kCustomOp, "BiotrainConv2D", ops::Conv2D, 2, 3, 2, kNever, 0},
    {kCustomOp, "BiotrainConv2DGradFilter", ops::Conv2DGradFilter, 2, 2, 2, kNever, 0},
    {kCustomOp, "BiotrainConv2DGradInput", ops::Conv2DGradInput, 2, 2, 1, kNever, 0},
    {kCustomOp, "BiotrainConv2DOfCodes", ops::Conv2DOfCodes, 2, 3, 2, kNever, 0},
    {kCustomOp, "BiotrainConv2DOfCodesGradFilter", ops::Conv2DOfCodesGradFilter, 2, 2, 2, kNever, 0},
    {kCustomOp, "BiotrainDepthwiseConv2D", ops::DepthwiseConv2D, 2, 3, 2, kNever, 0},
    {kCustomOp, "BiotrainDepthwiseConv2DGradFilter", ops::DepthwiseConv2DGradFilter, 2, 2, 2, kNever, 0},
    {kCustomOp, "BiotrainDepthwiseConv2DGradInput", ops::DepthwiseConv2DGradInput, 2, 2, 2, kNever, 0},
    {kCustomOp, "BiotrainAveragePool2D", ops::AveragePool2D, 1, 1, 1, kNever, 0},
    {kCustomOp, "BiotrainMaxPool2D", ops::MaxPool2D, 1, 2, 1, kNever, 0},
    {kCustomOp, "BiotrainAveragePool2DGrad", ops::AveragePool2DGrad, 1, 1, 1, kNever, 0},
    {kCustomOp, "BiotrainMaxPool2DGrad", ops::MaxPool2DGrad, 3, 3, 1, kNever, 0},
    {kCustomOp, "BiotrainMaxPool2DIndices", ops::MaxPool2DIndices, 2, 2, 1, kNever, 0},
    {kCustomOp, "BiotrainMaxPool2DGradOfIndices", ops::MaxPool2DGradOfIndices, 2, 2, 1, kNever, 0},
    {kCustomOp, "BiotrainReluGrad", ops::ActivationGrad<ActivationKind::kRelu>, 2, 2, 1, kElementwise, 0},
    {kCustomOp, "BiotrainRelu6Grad", ops::ActivationGrad<ActivationKind::kRelu6>, 2, 2, 1, kElementwise, 0},
    {kCustomOp, "BiotrainEluGrad", ops::ActivationGrad<ActivationKind::kElu>, 2, 2, 1, kElementwise, 0},
    {kCustomOp, "BiotrainLeakyReluGrad", ops::ActivationGrad<ActivationKind::kLeakyRelu>, 2, 2, 1, kElementwise, 0},
    {kCustomOp, "BiotrainTanhGrad", ops::ActivationGrad<ActivationKind::kTanh>, 2, 2, 1, kElementwise, 0},
    {kCustomOp, "BiotrainSigmoidGrad", ops::ActivationGrad<ActivationKind::kSigmoid>, 2, 2, 1, kElementwise, 0},
    {kCustomOp, "BiotrainReluBits", ops::ActivationBits<ActivationKind::kRelu>, 1, 1, 1, kNever, 0},
    {kCustomOp, "BiotrainRelu6Bits", ops::ActivationBits<ActivationKind::kRelu6>, 1, 1, 1, kNever, 0},
    {kCustomOp, "BiotrainReluGradOfBits", ops::ActivationGradOfBits<ActivationKind::kRelu>, 2, 2, 1, kLastInput, 0},
    {kCustomOp, "BiotrainLeakyReluGradOfBits", ops::ActivationGradOfBits<ActivationKind::kLeakyRelu>, 2, 2, 1, kLastInput, 0},
    {kCustomOp, "BiotrainGelu", ops::ActivationForward<ActivationKind::kGelu>, 1, 1, 1, kElementwise, 0},
    {kCustomOp, "BiotrainGeluGrad", ops::ActivationGrad<ActivationKind::kGelu>, 2, 2, 1, kElementwise, 0},
    {kCustomOp, "BiotrainGeluTanh", ops::ActivationForward<ActivationKind::kGeluTanh>, 1, 1, 1, kElementwise, 0},
    {kCustomOp, "BiotrainGeluTanhGrad", ops::ActivationGrad<ActivationKind::kGeluTanh>, 2, 2, 1, kElementwise, 0},
    {kCustomOp, "BiotrainSquareGrad", ops::ActivationGrad<ActivationKind::kSquare>, 2, 2, 1, kElementwise, 0},
    {kCustomOp, "BiotrainAttention", ops::Attention, 3, 3, 2, kNever, 0},
    {kCustomOp, "BiotrainAttentionGrad", ops::AttentionGrad, 6, 6, 4, kLastInput, 0},
    {kCustomOp, "BiotrainBatchNorm", ops::BatchNorm, 3, 3, 3, kNever, 0},
    {kCustomOp, "BiotrainBatchNormGrad", ops::BatchNormGrad, 5, 5, 3, kLastInput, 0},
    {kCustomOp, "BiotrainBatchNormMaxPool", ops::BatchNormMaxPool, 3, 3, 4, kNever, 0},
    {kCustomOp, "BiotrainBatchNormMaxPoolGrad", ops::BatchNormMaxPoolGrad, 6, 6, 3, kLastInput, 0},
    {kCustomOp, "BiotrainGroupNorm", ops::GroupNorm, 3, 3, 3, kNever, 0},
    {kCustomOp, "BiotrainGroupNormGrad", ops::GroupNormGrad, 5, 5, 3, kLastInput, 0},
    {kCustomOp, "BiotrainDropout", ops::Dropout, 3, 3, 1, kElementwise, 0},
    {kCustomOp, "BiotrainMoments", ops::Moments, 1, 1, 2, kNever, 0},
    {kCustomOp, "BiotrainNormalise", ops::Normalise, 5, 5, 1, kElementwise, 0},
    {kCustomOp, "BiotrainNormGradSums", ops::NormGradSums, 4, 4, 2, kNever, 0},
    {kCustomOp, "BiotrainNormGradInput", ops::NormGradInput, 7, 7, 1, kLastInput, 0},
    {kCustomOp, "BiotrainNormAveragePool", ops::NormAveragePool, 5, 5, 1, kNever, 0},
    {kCustomOp, "BiotrainNormSlopePool", ops::NormSlopePool, 5, 5, 2, kNever, 0},
    {kCustomOp, "BiotrainNormPoolGradSums", ops::NormPoolGradSums, 6, 6, 2, kNever, 0},
    {kCustomOp, "BiotrainNormPoolGradInput", ops::NormPoolGradInput, 8, 8, 1, kLastInput, 0},
    {kCustomOp, "BiotrainSlopesOfCounts", ops::SlopesOfCounts, 1, 1, 1, kNever, 0},
    {kCustomOp, "BiotrainFetch", ops::Fetch, 0, 0, kMany, kFetch, 0},
    {kCustomOp, "BiotrainDequantise", ops::Dequantise, 1, 1, 1, kNever, 0},
    {kCustomOp, "BiotrainForEach", ops::ForEach, 1, kMany, kMany, kLoop, 0},
    {kCustomOp, "BiotrainSgd", ops::Sgd, 2, 2, 1, kElementwise, 0},
    {kCustomOp, "BiotrainSgdMomentum", ops::SgdMomentum, 3, 3, 2, kElementwise, 0},
    {kCustomOp, "BiotrainSgdOfStep", ops::SgdOfStep, 3, 3, 1, kElementwise, 0},
    {kCustomOp, "BiotrainSgdMomentumOfStep", ops::SgdMomentumOfStep, 4, 4, 2, kElementwise, 0},
    {kCustomOp, "BiotrainAdam", ops::Adam, 5, 5, 3, kElementwise, 0},
    {kCustomOp, "BiotrainStepFactors", ops::StepFactors, 1, 2, 2, kNever, 0},
    {kCustomOp, "BiotrainSquareSum", ops::SquareSum, 1, 1, 1, kNever, 0},
};
// clang-format on

}  // namespace all_ops

// The entries of the ops with these names; a name the runner does not have has
// none, and a model that uses it is refused by Trainer::Create.
template <size_t N>
struct SelectedOps {
  OpEntry entries[N] = {};
  int count = 0;

  constexpr explicit SelectedOps(const char* const (&names)[N]) {
    for (const char* name : names) {
      for (const OpEntry& entry : all_ops::kAllOps) {
        if (SameName(entry.name, name)) entries[count++] = entry;
      }
    }
  }
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_OPS_ALL_OPS_H_
