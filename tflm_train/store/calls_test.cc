// SPDX-License-Identifier: Apache-2.0
// Calls that are refused, and flashes that do not do as they are told.
#include <cstring>

#include "tflm_train/store/ram_flash.h"
#include "tflm_train/store/state_test.h"
#include "tflm_train/store/store.h"
#include "tflm_train/testing/micro_test.h"

namespace biotrain {
namespace {

constexpr FlashGeometry kGeometry = {64, 8, 8, 0xff};

struct Memory {
  explicit Memory(const FlashGeometry& geometry = kGeometry)
      : ram({bytes, sizeof bytes}, geometry), flash(ram.flash()) {
    std::memset(bytes, geometry.erased, sizeof bytes);
  }
  uint8_t bytes[512];
  RamFlash ram;
  Flash flash;
};

void TestSavesAndRestores(TestContext& test) {
  Fixture& f = Fresh();
  Memory memory;
  Store store;
  State state = MakeState(5), found = {};
  ExpectStatus(test, Store::Open(memory.flash, f.trainer, kExtraBytes, &store),
               StatusCode::kOk, "open");
  test.Expect(!store.has_state(), "empty");
  ExpectStatus(test, store.Restore(&f.trainer, {found.extra, kExtraBytes}),
               StatusCode::kNothingSaved, "nothing");
  for (uint32_t i = 1; i <= 5; ++i) {
    float loss;
    ExpectStatus(test, f.Train(kXData, kLabels, &loss), StatusCode::kOk, "");
    ExpectStatus(test, f.Save(state.weights), StatusCode::kOk, "weights");
    state.extra[0] = static_cast<uint8_t>(i);
    ExpectStatus(test, store.Save(f.trainer, {state.extra, kExtraBytes}),
                 StatusCode::kOk, "save");
    test.ExpectEqual(store.sequence(), i, "sequence");
    ExpectStatus(test, f.trainer.Reset(), StatusCode::kOk, "reset");
    Store after;
    ExpectStatus(test,
                 Store::Open(memory.flash, f.trainer, kExtraBytes, &after),
                 StatusCode::kOk, "open again");
    test.ExpectEqual(after.sequence(), i, "sequence again");
    ExpectStatus(test, after.Restore(&f.trainer, {found.extra, kExtraBytes}),
                 StatusCode::kOk, "restore");
    ExpectStatus(test, f.Save(found.weights), StatusCode::kOk, "weights");
    test.Expect(Same(state, found), "state");
  }
}

void TestOtherModels(TestContext& test) {
  Memory memory;
  Store store;
  State state = MakeState(5), found = {};
  const Span<uint8_t> extra(found.extra, kExtraBytes);
  {
    Fixture& f = Fresh();
    ExpectStatus(test,
                 Store::Open(memory.flash, f.trainer, kExtraBytes, &store),
                 StatusCode::kOk, "open");
    for (int i = 0; i < 2; ++i) {
      ExpectStatus(test, store.Save(f.trainer, {state.extra, kExtraBytes}),
                   StatusCode::kOk, "save");
    }
    // The same model, but the application keeps other bytes.
    ExpectStatus(test, Store::Open(memory.flash, f.trainer, 8, &store),
                 StatusCode::kOk, "other extra");
    ExpectStatus(test, store.Restore(&f.trainer, {found.extra, 8}),
                 StatusCode::kOtherModel, "other extra");
  }
  DenseOptions options;
  options.commit_op = 9;  // another plan, and as many weights
  Fixture& f = Fresh(options);
  ExpectStatus(test, f.status, StatusCode::kOk, "create");
  ExpectStatus(test, Store::Open(memory.flash, f.trainer, kExtraBytes, &store),
               StatusCode::kOk, "open");
  test.Expect(!store.has_state(), "of another model");
  ExpectStatus(test, store.Restore(&f.trainer, extra), StatusCode::kOtherModel,
               "restore");
  ExpectStatus(test, store.Save(f.trainer, extra), StatusCode::kOk, "save");
  // Back to the first firmware: its newest state is still there.
  Fixture& first = Fresh();
  ExpectStatus(test,
               Store::Open(memory.flash, first.trainer, kExtraBytes, &store),
               StatusCode::kOk, "open");
  test.ExpectEqual(store.sequence(), 3, "sequence");
  ExpectStatus(test, store.Restore(&first.trainer, extra), StatusCode::kOk,
               "restore the first");
}

void TestRefusals(TestContext& test) {
  Fixture& f = Fresh();
  Store store;
  uint8_t extra[8] = {};
  const auto open = [&](const FlashGeometry& geometry, size_t extra_bytes) {
    Memory memory(geometry);
    return Store::Open(memory.flash, f.trainer, extra_bytes, &store);
  };
  ExpectStatus(test, store.Save(f.trainer), StatusCode::kBadArgument, "closed");
  ExpectStatus(test, open({64, 4, 12, 0xff}, 0), StatusCode::kBadArgument,
               "unit");
  ExpectStatus(test, open({64, 4, 512, 0xff}, 0), StatusCode::kBadArgument,
               "large unit");
  ExpectStatus(test, open({68, 4, 8, 0xff}, 0), StatusCode::kBadArgument,
               "sector");
  ExpectStatus(test, open({64, 3, 8, 0xff}, 0), StatusCode::kBadArgument,
               "sectors");
  const Status small = open({64, 4, 8, 0xff}, 41);
  ExpectStatus(test, small, StatusCode::kFlashTooSmall, "small");
  test.ExpectEqual(small.wanted * 1000 + small.found, 136128, "bytes");
  ExpectStatus(test, open({64, 4, 8, 0xff}, 40), StatusCode::kOk, "full");
  Flash none;
  none.geometry = kGeometry;
  ExpectStatus(test, Store::Open(none, f.trainer, 0, &store),
               StatusCode::kBadArgument, "no functions");
  Memory memory;
  ExpectStatus(test, Store::Open(memory.flash, Trainer(), 0, &store),
               StatusCode::kBadArgument, "no trainer");
  ExpectStatus(test, Store::Open(memory.flash, f.trainer, 8, &store),
               StatusCode::kOk, "open");
  ExpectStatus(test, store.Save(f.trainer), StatusCode::kBadArgument, "extra");
  ExpectStatus(test, store.Restore(&f.trainer, {extra, 7}),
               StatusCode::kBadArgument, "extra");
  // Units are programmed once, whole and in their place.
  const Flash& flash = memory.flash;
  test.Expect(flash.program(flash.context, 8, {extra, 8}), "first");
  test.Expect(!flash.program(flash.context, 8, {extra, 8}), "second");
  test.Expect(!flash.program(flash.context, 20, {extra, 8}), "between");
  test.Expect(!flash.program(flash.context, 512, {extra, 8}), "behind");
  test.Expect(!flash.program(flash.context, 16, {extra, 4}), "half");
  test.Expect(!flash.erase(flash.context, 32), "middle of a sector");
  test.Expect(!flash.read(flash.context, 508, {extra, 8}), "over the end");
}

// A cell that is worn out says that all went well.
struct Liar {
  Flash honest;
  int forget_at;  // the call of `program` that does nothing
  int lie_at;     // the call of `read` whose first byte is wrong
  int programs;
  int reads;

  Flash flash() { return {honest.geometry, this, Read, Erase, Program}; }
  static Liar& Of(void* context) { return *static_cast<Liar*>(context); }
  static bool Read(void* context, uint32_t address, Span<uint8_t> bytes) {
    Liar& self = Of(context);
    const bool done = self.honest.read(self.honest.context, address, bytes);
    if (self.reads++ == self.lie_at) bytes[0] ^= 4;
    return done;
  }
  static bool Erase(void* context, uint32_t address) {
    return Of(context).honest.erase(Of(context).honest.context, address);
  }
  static bool Program(void* context, uint32_t address,
                      Span<const uint8_t> unit) {
    Liar& self = Of(context);
    if (self.programs++ == self.forget_at) return true;
    return self.honest.program(self.honest.context, address, unit);
  }
};

void TestWornFlash(TestContext& test) {
  Fixture& f = Fresh();
  int found = 0;
  for (int forget = 0; forget < 12; ++forget) {
    Memory memory;
    Liar liar = {memory.flash, forget, -1, 0, 0};
    State state = MakeState(3);
    Store store;
    ExpectStatus(test,
                 Store::Open(liar.flash(), f.trainer, kExtraBytes, &store),
                 StatusCode::kOk, "open");
    const Status status = store.Save(f.trainer, {state.extra, kExtraBytes});
    found += status.code == StatusCode::kFlashFailed;
    test.Expect(status.ok() == store.has_state(), "has state");
  }
  // 65 bytes are nine units, the record four; the twelfth is one of them.
  test.ExpectEqual(found, 12, "forgotten units");
}

void TestRestoreReadsTwice(TestContext& test) {
  Fixture& f = Fresh();
  State state = MakeState(9), found = {};
  int failed = 0, good = 0;
  for (int lie = 0; lie < 8; ++lie) {
    Memory memory;
    Liar liar = {memory.flash, -1, -1, 0, 0};
    Store store;
    ExpectStatus(test,
                 Store::Open(liar.flash(), f.trainer, kExtraBytes, &store),
                 StatusCode::kOk, "open");
    const Span<uint8_t> bytes(reinterpret_cast<uint8_t*>(state.weights),
                              kStateBytes);
    ExpectStatus(test, f.trainer.Restore(bytes), StatusCode::kOk, "weights");
    ExpectStatus(test, store.Save(f.trainer, {state.extra, kExtraBytes}),
                 StatusCode::kOk, "save");
    ExpectStatus(test, f.trainer.Reset(), StatusCode::kOk, "reset");
    liar.reads = 0;
    liar.lie_at = lie;
    const Status status = store.Restore(&f.trainer, {found.extra, kExtraBytes});
    ExpectStatus(test, f.Save(found.weights), StatusCode::kOk, "weights");
    if (status.ok()) {
      test.Expect(Same(state, found), "restored");
      ++good;
    } else {
      test.ExpectSameBits(found.weights, kInitial, kWeights, "initial");
      ++failed;
    }
  }
  // Wrong: the record, the second reading, the extra bytes. The first reading
  // is only looked at.
  test.ExpectEqual(failed, 3, "failed");
  test.ExpectEqual(good, 5, "good");
}

constexpr TestCase kTests[] = {
    {"saves_and_restores", TestSavesAndRestores},
    {"other_models", TestOtherModels},
    {"refusals", TestRefusals},
    {"worn_flash", TestWornFlash},
    {"restore_reads_twice", TestRestoreReadsTwice},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
