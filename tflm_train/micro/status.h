// SPDX-License-Identifier: Apache-2.0
// How a call of the runner ended: a code, the thing, the wanted and the found.
#ifndef TFLM_TRAIN_MICRO_STATUS_H_
#define TFLM_TRAIN_MICRO_STATUS_H_

#include <cstdint>

namespace biotrain {

enum class StatusCode : uint8_t {
  kOk,
  kBadModel,         // the flatbuffer contradicts itself
  kNoPlan,           // no memory plan, or one that does not fit the model
  kUnsupportedOp,    // an op, or an option of an op, the runner does not have
  kBadShape,         // a shape other than the one the op or the model needs
  kBadType,          // an element type other than the one needed
  kArenaTooSmall,    // wanted and found are bytes
  kArenaMisaligned,  // the arena must start at a multiple of 16
  kTooMuchWork,      // a call would exceed Limits::work_per_call
  kLabelOutOfRange,  // wanted: the number of classes; found: the label
  kInputNotFinite,   // found: the index of the first NaN or infinity
  kLossNotFinite,    // the step was refused before it wrote a weight
  kMomentumLost,     // a step broke off: weights as before, momentum zero
  kNoSignature,      // the model has no signature, or none of its ends
  kBadArgument,      // a call with a null pointer or a wrong number of bytes
  kNothingSaved,     // the flash holds no state that is whole
  kOtherModel,       // what the flash holds was saved with another model
  kFlashTooSmall,    // wanted and found are bytes of a slot
  kFlashFailed,      // found: the address; what was saved before is still there
};

// Numbers are clamped to what an int32 holds: they are for people to read.
struct [[nodiscard]] Status {
  StatusCode code = StatusCode::kOk;
  const char* what = "";  // one word: the thing that is wrong
  int32_t wanted = 0;
  int32_t found = 0;
  const char* where = "";  // the op or signature it belongs to, if any

  constexpr bool ok() const { return code == StatusCode::kOk; }
};

constexpr int32_t ClampToInt32(int64_t value) {
  return value > INT32_MAX   ? INT32_MAX
         : value < INT32_MIN ? INT32_MIN
                             : static_cast<int32_t>(value);
}

constexpr Status Error(StatusCode code, const char* what, int64_t wanted = 0,
                       int64_t found = 0) {
  return {code, what, ClampToInt32(wanted), ClampToInt32(found), ""};
}

constexpr const char* StatusName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "kOk";
    case StatusCode::kBadModel:
      return "kBadModel";
    case StatusCode::kNoPlan:
      return "kNoPlan";
    case StatusCode::kUnsupportedOp:
      return "kUnsupportedOp";
    case StatusCode::kBadShape:
      return "kBadShape";
    case StatusCode::kBadType:
      return "kBadType";
    case StatusCode::kArenaTooSmall:
      return "kArenaTooSmall";
    case StatusCode::kArenaMisaligned:
      return "kArenaMisaligned";
    case StatusCode::kTooMuchWork:
      return "kTooMuchWork";
    case StatusCode::kLabelOutOfRange:
      return "kLabelOutOfRange";
    case StatusCode::kInputNotFinite:
      return "kInputNotFinite";
    case StatusCode::kLossNotFinite:
      return "kLossNotFinite";
    case StatusCode::kMomentumLost:
      return "kMomentumLost";
    case StatusCode::kNoSignature:
      return "kNoSignature";
    case StatusCode::kBadArgument:
      return "kBadArgument";
    case StatusCode::kNothingSaved:
      return "kNothingSaved";
    case StatusCode::kOtherModel:
      return "kOtherModel";
    case StatusCode::kFlashTooSmall:
      return "kFlashTooSmall";
    case StatusCode::kFlashFailed:
      return "kFlashFailed";
  }
  return "kUnknown";
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_STATUS_H_
