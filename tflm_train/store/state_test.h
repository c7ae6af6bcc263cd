// SPDX-License-Identifier: Apache-2.0
// States that can be told apart, and what a device finds after its power is
// back: for tests.
#ifndef TFLM_TRAIN_STORE_STATE_TEST_H_
#define TFLM_TRAIN_STORE_STATE_TEST_H_

#include <cstring>

#include "tflm_train/micro/dense_model_test.h"
#include "tflm_train/store/cut_flash_test.h"
#include "tflm_train/store/store.h"
#include "tflm_train/store/unit_writer.h"

namespace biotrain {

constexpr int kWeights = kIn * kOut;
constexpr size_t kStateBytes = kWeights * sizeof(float);
constexpr size_t kExtraBytes = 41;  // with the state, not a multiple of a unit

struct State {
  float weights[kWeights];
  uint8_t extra[kExtraBytes];
};

inline State MakeState(uint32_t seed) {
  State state;
  TestRandom random(seed);
  random.Fill(state.weights, kWeights);
  for (uint8_t& byte : state.extra) {
    byte = static_cast<uint8_t>((random.Uniform() + 1.0f) * 128.0f);
  }
  return state;
}

inline bool Same(const State& a, const State& b) {
  return std::memcmp(a.weights, b.weights, sizeof a.weights) == 0 &&
         std::memcmp(a.extra, b.extra, sizeof a.extra) == 0;
}

// The store as the application uses it: opened anew each time, as after a
// reset.
struct TwoSlots {
  static Status Save(const Flash& flash, const Trainer& trainer,
                     Span<const uint8_t> extra) {
    Store store;
    const Status status = Store::Open(flash, trainer, kExtraBytes, &store);
    return status.ok() ? store.Save(trainer, extra) : status;
  }
  static Status Restore(const Flash& flash, Trainer* trainer,
                        Span<uint8_t> extra) {
    Store store;
    const Status status = Store::Open(flash, *trainer, kExtraBytes, &store);
    return status.ok() ? store.Restore(trainer, extra) : status;
  }
};

// What anybody would write first: one place, and no checksum.
struct InPlace {
  static Status Save(const Flash& flash, const Trainer& trainer,
                     Span<const uint8_t> extra) {
    if (!flash.erase(flash.context, 0) ||
        !flash.erase(flash.context, flash.geometry.sector_bytes)) {
      return Error(StatusCode::kFlashFailed, "erase");
    }
    UnitWriter writer(flash, 0);
    const Trainer::Visit visit = [](void* context, Span<const uint8_t> bytes) {
      static_cast<UnitWriter*>(context)->Write(bytes);
    };
    const Status status = trainer.SaveEach(visit, &writer);
    if (!status.ok()) return status;
    writer.Write(extra);
    return writer.Finish() ? Status() : Error(StatusCode::kFlashFailed, "save");
  }
  static Status Restore(const Flash& flash, Trainer* trainer,
                        Span<uint8_t> extra) {
    float weights[kWeights];
    const Span<uint8_t> bytes(reinterpret_cast<uint8_t*>(weights), kStateBytes);
    if (!flash.read(flash.context, 0, bytes) ||
        !flash.read(flash.context, kStateBytes, extra)) {
      return Error(StatusCode::kFlashFailed, "read");
    }
    return trainer->Restore(bytes);
  }
};

template <typename Saver>
Status Save(CutFlash* flash, const State& state) {
  static Fixture& f = Fresh();
  const Status status = f.trainer.Restore(
      {reinterpret_cast<const uint8_t*>(state.weights), kStateBytes});
  if (!status.ok()) return status;
  return Saver::Save(flash->flash(), f.trainer,
                     Span<const uint8_t>(state.extra, kExtraBytes));
}

enum class Found { kOld, kNew, kNothing, kError, kMixture };

// A reset: the weights are the initial ones, then what is in flash.
template <typename Saver>
Found Boot(CutFlash* flash, const State& old, const State& fresh) {
  static Fixture& f = Fresh();
  flash->PowerOn();
  if (!f.trainer.Reset().ok()) return Found::kMixture;
  State state = {};
  const Status status =
      Saver::Restore(flash->flash(), &f.trainer, {state.extra, kExtraBytes});
  if (!f.Save(state.weights).ok()) return Found::kMixture;
  const bool initial =
      std::memcmp(state.weights, kInitial, sizeof kInitial) == 0;
  if (!status.ok()) {
    // An error must leave the initial weights.
    if (!initial) return Found::kMixture;
    return status.code == StatusCode::kNothingSaved ? Found::kNothing
                                                    : Found::kError;
  }
  return Same(state, fresh) ? Found::kNew
         : Same(state, old) ? Found::kOld
                            : Found::kMixture;
}

}  // namespace biotrain

#endif  // TFLM_TRAIN_STORE_STATE_TEST_H_
