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
constexpr Axes kNorm = {0, kStatistic};
constexpr Axes kColumns = {kWhole, kLast};
constexpr bool kMultiples = true;

// A filter's gradient and the statistics of a batch are sums over samples: for
// these all samples are in a tile.
constexpr SlicingRule kRules[] = {
    {"BiotrainConv2D", {kSample, kFirst, kFirst}, {kLines, kOwned}},
    {"BiotrainConv2DGradFilter", {kAll, kChannels}, {kFirst, kOwned}},
    {"BiotrainConv2DGradInput", {kChannels, kSample}, {kLines}},
    {"BiotrainDepthwiseConv2D",
     {kLines, kFirst, kFirst},
     {kLines, kOwned},
     kMultiples},
    {"BiotrainDepthwiseConv2DGradFilter",
     {kChannels, kChannels},
     {kFirst, kOwned},
     kMultiples},
    {"BiotrainDepthwiseConv2DGradInput",
     {kFirst, kLines},
     {kLines, kOwned},
     kMultiples},
    {"BiotrainBatchNorm",
     {kChannels, kFirst, kFirst},
     {kChannels, kFirst, kFirst}},
    {"BiotrainBatchNormGrad",
     {kChannels, kFirst, kFirst, kFirst, kChannels},
     {kChannels, kFirst, kFirst}},
    // Samples: groups are counted by an option, which a tile would contradict.
    {"BiotrainGroupNorm", {kFirst, kAll, kAll}, {kFirst, kFirst, kFirst}},
    {"BiotrainMoments", {kLines}, {kLines, kLines}},
    {"BiotrainNormalise",
     {kLines, kFirst, kFirst, kNorm, kNorm},
     {kLines},
     kMultiples},
    {"BiotrainNormGradSums",
     {kLines, kNorm, kNorm, kLines},
     {kLines, kLines},
     kMultiples},
    {"BiotrainNormGradInput",
     {kLines, kFirst, kNorm, kNorm, kNorm, kNorm, kLines},
     {kLines},
     kMultiples},
    {"BiotrainNormAveragePool",
     {kLines, kFirst, kFirst, kNorm, kNorm},
     {kLines},
     kMultiples},
    {"BiotrainNormSlopePool",
     {kLines, kFirst, kFirst, kNorm, kNorm},
     {kLines, kLines},
     kMultiples},
    {"BiotrainNormPoolGradSums",
     {kLines, kFirst, kFirst, kNorm, kNorm, kLines},
     {kLines, kLines},
     kMultiples},
    {"BiotrainNormPoolGradInput",
     {kFirst, kFirst, kNorm, kNorm, kNorm, kNorm, kLines, kLines},
     {kLines},
     kMultiples},
    {"BiotrainSlopesOfCounts", {kLines}, {kLines}},
    {"BiotrainAveragePool2D", {kLines}, {kLines}},
    {"BiotrainAveragePool2DGrad", {kLines}, {kLines}},
    {"BiotrainMaxPool2D", {kLines, kFirst}, {kLines}},
    {"BiotrainMaxPool2DGrad", {kLines, kLines, kLines}, {kLines}},
    {"FULLY_CONNECTED", {kAll, kFirst, kFirst}, {kColumns}},
};

constexpr const char* kElementwiseOps[] = {
    "ADD",
    "SUB",
    "MUL",
    "DIV",
    "NEG",
    "SQRT",
    "RSQRT",
    "SQUARE",
    "SQUARED_DIFFERENCE",
    "MINIMUM",
    "MAXIMUM",
    "ADD_N",
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
  tensor->axes = {kWhole, tensor->whole.elements == 1 ? kWhole : int8_t{0}};
  tensor->whole.rank = 1;
  tensor->whole.dims[0] = tensor->whole.elements;
}

// Samples and channels of a line each: one axis.
bool JoinLines(Slicing* slicing) {
  for (int i = 0; i < slicing->count; ++i) {
    const SlicedTensor& tensor = slicing->tensors[i];
    if (tensor.whole.bytes == 0) continue;
    if (tensor.axes.samples != 0 || tensor.axes.units != 1 ||
        tensor.whole.rank < 2 ||
        tensor.whole.dims[0] != slicing->tensors[0].whole.dims[0]) {
      return false;
    }
  }
  for (int i = 0; i < slicing->count; ++i) {
    SlicedTensor* const tensor = &slicing->tensors[i];
    if (tensor->whole.bytes == 0) continue;
    tensor->axes.samples = kWhole;
    tensor->whole.dims[1] *= tensor->whole.dims[0];
    tensor->whole.dims[0] = 1;
  }
  return true;
}

// A tile of samples has all of what is not theirs.
bool CutSamples(Slicing* slicing) {
  for (int i = 0; i < slicing->count; ++i) {
    SlicedTensor* const tensor = &slicing->tensors[i];
    if (tensor->is_own()) continue;
    if (tensor->is_output && tensor->axes.samples < 0) return false;
    tensor->axes = {kWhole, tensor->axes.samples};
  }
  return true;
}

Axes Resolved(const Tensor& tensor, Axes axes) {
  if (axes.units == kLast) {
    return {axes.samples, static_cast<int8_t>(tensor.rank - 1)};
  }
  if (axes.units != kStatistic) return axes;
  if (tensor.rank == 1) return {kWhole, 0};
  // Channels of one group may be apart, for the statistic is there.
  return {0, tensor.rank == 2 && tensor.dims[1] == 1 ? kWhole : int8_t{1}};
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
    if (*units == 0 || found < *units) *units = found;
  }
  return true;
}

bool HasWholeUnits(const Slicing& slicing, bool multiples) {
  for (int i = 0; i < slicing.count; ++i) {
    const SlicedTensor& tensor = slicing.tensors[i];
    if (!tensor.has_units()) continue;
    const int32_t found = tensor.whole.dims[tensor.axes.units];
    if (found % slicing.units != 0) return false;
    if (found != slicing.units && !multiples) return false;
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

bool SliceOp(OpContext& op, const SlicingRule& rule, CutBy by,
             Slicing* slicing) {
  const bool elementwise = &rule == &kElementwiseRule;
  if (op.inputs() > kMostInputs || op.outputs() > kMostOutputs) return false;
  for (int i = 0; i < op.inputs(); ++i) {
    SlicedTensor* const tensor = &slicing->tensors[slicing->count++];
    // What is left out takes no bytes.
    *tensor = {Tensor(), {kWhole, kOwn}, false};
    if (!op.HasInput(i)) continue;
    tensor->whole = op.InputOfAnyType(i);
    tensor->axes = Resolved(tensor->whole, rule.inputs[i]);
  }
  for (int i = 0; i < op.outputs(); ++i) {
    const Tensor tensor = op.OutputOfAnyType(i);
    slicing->tensors[slicing->count++] = {
        tensor, Resolved(tensor, rule.outputs[i]), true};
  }
  if (!op.ok()) return false;
  // Filters of each sample's own are not cut.
  if (SameName(rule.op, "BiotrainConv2DGradInput") &&
      slicing->tensors[0].whole.dims[0] != slicing->tensors[1].whole.dims[1]) {
    return false;
  }
  if (elementwise) {
    const Tensor& out = slicing->tensors[slicing->count - 1].whole;
    for (int i = 0; i < slicing->count; ++i) {
      SlicedTensor* const tensor = &slicing->tensors[i];
      if (!SameShape(tensor->whole, out) && tensor->whole.elements != 1) {
        return false;
      }
    }
    for (int i = 0; i < slicing->count; ++i) Flatten(&slicing->tensors[i]);
  }
  if (by == CutBy::kSamples) {
    if (!CutSamples(slicing)) return false;
  } else {
    (void)JoinLines(slicing);
  }
  int32_t samples = 0;
  for (int i = 0; i < slicing->count; ++i) {
    if (!FitAxes(slicing->tensors[i], &samples, &slicing->units)) return false;
  }
  slicing->samples = samples == 0 ? 1 : samples;
  return slicing->units > 1 && HasWholeUnits(*slicing, rule.has_multiples) &&
         IsSafe(*slicing);
}

Cut CutOf(const SlicedTensor& tensor, const Slicing& slicing) {
  const Tensor& whole = tensor.whole;
  const bool sampled = tensor.axes.samples >= 0;
  Cut cut = {1, 0, 0, sampled ? whole.bytes / slicing.samples : 0};
  if (!tensor.has_units()) return cut;
  int32_t inner = ElementBytes(whole);
  for (int d = whole.rank - 1; d > tensor.axes.units; --d)
    inner *= whole.dims[d];
  cut.run_pitch = inner * whole.dims[tensor.axes.units];
  cut.unit_bytes = cut.run_pitch / slicing.units;
  // A tile of one sample has the runs of one.
  const int32_t bytes = sampled ? cut.sample_bytes : whole.bytes;
  cut.runs = bytes / cut.run_pitch;
  return cut;
}

}  // namespace biotrain
