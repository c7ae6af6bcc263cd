// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/cluster/slicing.h"

#include "tflm_train/micro/op_table.h"

namespace biotrain {
namespace {

constexpr Axes kAll = {kWhole, kWhole};
constexpr Axes kOwned = {kWhole, kOwn};
constexpr Axes kSample = {0, kWhole};
constexpr Axes kLines = {0, 1};          // [N,C,...], every line alone
constexpr Axes kChannels = {kWhole, 1};  // [N,C,...], all samples together
constexpr Axes kFirst = {kWhole, 0};     // [C,...]

// A filter's gradient and the statistics of a batch are sums over samples: for
// these all samples are in a tile.
constexpr SlicingRule kRules[] = {
    {"BiotrainConv2D", {kSample, kFirst, kFirst}, {kLines, kOwned}},
    {"BiotrainConv2DGradFilter", {kAll, kChannels}, {kFirst, kOwned}},
    {"BiotrainConv2DGradInput", {kChannels, kSample}, {kLines}},
    {"BiotrainDepthwiseConv2D", {kLines, kFirst, kFirst}, {kLines, kOwned}},
    {"BiotrainDepthwiseConv2DGradFilter",
     {kChannels, kChannels},
     {kFirst, kOwned}},
    {"BiotrainDepthwiseConv2DGradInput", {kFirst, kLines}, {kLines, kOwned}},
    {"BiotrainBatchNorm",
     {kChannels, kFirst, kFirst},
     {kChannels, kFirst, kFirst}},
    {"BiotrainBatchNormGrad",
     {kChannels, kFirst, kFirst, kFirst, kChannels},
     {kChannels, kFirst, kFirst}},
    {"BiotrainAveragePool2D", {kLines}, {kLines}},
    {"BiotrainAveragePool2DGrad", {kLines}, {kLines}},
    {"BiotrainMaxPool2D", {kLines}, {kLines}},
    {"BiotrainMaxPool2DGrad", {kLines, kLines, kLines}, {kLines}},
    {"FULLY_CONNECTED", {kAll, kFirst, kFirst}, {kChannels}},
};

constexpr const char* kElementwiseOps[] = {
    "ADD",
    "SUB",
    "MUL",
    "RELU",
    "ELU",
    "LOGISTIC",
    "TANH",
    "BiotrainReluGrad",
    "BiotrainEluGrad",
    "BiotrainSgdMomentum",
};

int32_t ElementBytes(const Tensor& tensor) {
  return tensor.bytes / tensor.elements;
}

bool Overlap(const Tensor& a, const Tensor& b) {
  return a.data < b.data + b.bytes && b.data < a.data + a.bytes;
}

// A tile must not write where another one still reads.
bool IsSafe(const Slicing& slicing) {
  for (int o = 0; o < slicing.count; ++o) {
    const SlicedTensor& output = slicing.tensors[o];
    if (!output.is_output || output.is_own()) continue;
    for (int i = 0; i < slicing.count; ++i) {
      const SlicedTensor& input = slicing.tensors[i];
      if (input.is_output || !Overlap(output.whole, input.whole)) continue;
      const bool same = input.whole.data == output.whole.data &&
                        SameShape(input.whole, output.whole) &&
                        input.axes.samples == output.axes.samples &&
                        input.axes.units == output.axes.units;
      if (!same) return false;
    }
  }
  return true;
}

// One long line.
void Flatten(SlicedTensor* tensor) {
  tensor->axes = {kWhole, 0};
  tensor->whole.rank = 1;
  tensor->whole.dims[0] = tensor->whole.elements;
}

bool FitAxes(const SlicedTensor& tensor, int32_t* samples, int32_t* units) {
  const Axes& axes = tensor.axes;
  const int rank = tensor.whole.rank;
  if (axes.samples >= rank || axes.units >= rank || axes.units == kUncut) {
    return false;
  }
  if (axes.samples >= 0) {
    const int32_t found = tensor.whole.dims[axes.samples];
    if (*samples != 0 && *samples != found) return false;
    *samples = found;
  }
  if (axes.units >= 0) {
    const int32_t found = tensor.whole.dims[axes.units];
    if (*units != 0 && *units != found) return false;
    *units = found;
  }
  return true;
}

}  // namespace

const SlicingRule* FindSlicingRule(const char* op) {
  for (const SlicingRule& rule : kRules) {
    if (SameName(rule.op, op)) return &rule;
  }
  for (const char* name : kElementwiseOps) {
    if (SameName(name, op)) return &kElementwiseRule;
  }
  return nullptr;
}

bool SliceOp(OpContext& op, const SlicingRule& rule, Slicing* slicing) {
  const bool elementwise = &rule == &kElementwiseRule;
  if (op.inputs() > kMostInputs || op.outputs() > kMostOutputs) return false;
  for (int i = 0; i < op.inputs(); ++i) {
    if (!op.HasInput(i)) return false;
    slicing->tensors[slicing->count++] = {op.InputOfAnyType(i), rule.inputs[i],
                                          false};
  }
  for (int i = 0; i < op.outputs(); ++i) {
    slicing->tensors[slicing->count++] = {op.OutputOfAnyType(i),
                                          rule.outputs[i], true};
  }
  if (!op.ok()) return false;
  int32_t samples = 0;
  for (int i = 0; i < slicing->count; ++i) {
    const Tensor& tensor = slicing->tensors[i].whole;
    if (elementwise && !SameShape(tensor, slicing->tensors[0].whole)) {
      return false;
    }
  }
  for (int i = 0; i < slicing->count; ++i) {
    SlicedTensor* const tensor = &slicing->tensors[i];
    if (elementwise) Flatten(tensor);
    if (!FitAxes(*tensor, &samples, &slicing->units)) return false;
  }
  slicing->samples = samples == 0 ? 1 : samples;
  return slicing->units > 1 && IsSafe(*slicing);
}

Cut CutOf(const SlicedTensor& tensor, int32_t samples) {
  const Tensor& whole = tensor.whole;
  const bool sampled = tensor.axes.samples >= 0;
  Cut cut = {1, 0, 0, sampled ? whole.bytes / samples : 0};
  if (!tensor.has_units()) return cut;
  int32_t inner = ElementBytes(whole);
  for (int d = whole.rank - 1; d > tensor.axes.units; --d)
    inner *= whole.dims[d];
  cut.unit_bytes = inner;
  cut.run_pitch = inner * whole.dims[tensor.axes.units];
  // A tile of one sample has the runs of one.
  const int32_t bytes = sampled ? cut.sample_bytes : whole.bytes;
  cut.runs = bytes / cut.run_pitch;
  return cut;
}

}  // namespace biotrain
