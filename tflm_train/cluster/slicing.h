// SPDX-License-Identifier: Apache-2.0
// By which axes an op may be cut into tiles that know nothing of one another:
// no tile has a part of a sum.
#ifndef TFLM_TRAIN_CLUSTER_SLICING_H_
#define TFLM_TRAIN_CLUSTER_SLICING_H_

#include <stdint.h>

#include "tflm_train/micro/op_context.h"

namespace biotrain {

// Instead of an axis: every tile sees all of the tensor, or every core has one
// of its own, whose content ends with the op.
constexpr int8_t kWhole = -1;
constexpr int8_t kOwn = -2;

constexpr int8_t kUncut = -3;  // no rule
// [C] of all samples, or [N,G] of the G groups of each: by its shape.
constexpr int8_t kStatistic = -4;
constexpr int8_t kLast = -5;  // the last axis

// Of one tensor: tiles have one index of `samples`, and a few of `units`, such
// as channels.
struct Axes {
  int8_t samples = kWhole;
  int8_t units = kUncut;
};

constexpr int kMostInputs = 8;
constexpr int kMostOutputs = 3;

struct SlicingRule {
  const char* op;
  Axes inputs[kMostInputs];
  Axes outputs[kMostOutputs];
  // Of some tensors, several elements of the axis may be for each unit: outputs
  // of a channel, channels of a group.
  bool has_multiples = false;
};

// All tensors have the same shape, or one element, and are cut as one long
// line.
inline constexpr SlicingRule kElementwiseRule = {"", {}, {}};

// nullptr: the op runs whole.
const SlicingRule* FindSlicingRule(const char* op);

// A tensor of an op and how it is cut.
struct SlicedTensor {
  Tensor whole;
  Axes axes;
  bool is_output;

  bool has_units() const { return axes.units >= 0; }
  bool is_own() const { return axes.units == kOwn; }
};

struct Slicing {
  SlicedTensor tensors[kMostInputs + kMostOutputs];
  int count = 0;
  int32_t samples = 1;
  int32_t units = 0;
};

// What tiles are cut by: the units of each sample in turn, or whole samples.
enum class CutBy : uint8_t { kUnits, kSamples };

// The slicing of an op that is to run; false if its tensors do not allow it.
bool SliceOp(OpContext& op, const SlicingRule& rule, CutBy by,
             Slicing* slicing);

// How `tensor` lies in memory when it is cut: bytes of one unit, and of what is
// between two samples or two runs of units.
struct Cut {
  int32_t runs;          // of neighbouring units
  int32_t unit_bytes;    // in a run
  int32_t run_pitch;     // bytes from one run to the next
  int32_t sample_bytes;  // from one sample to the next; 0 if it has none
};

Cut CutOf(const SlicedTensor& tensor, const Slicing& slicing);

}  // namespace biotrain

#endif  // TFLM_TRAIN_CLUSTER_SLICING_H_
