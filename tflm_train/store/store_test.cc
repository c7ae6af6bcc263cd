// SPDX-License-Identifier: Apache-2.0
// Power is cut in every operation of a save, in every way an operation can be
// cut, and again during the save that follows.
#include "tflm_train/store/store.h"

#include "tflm_train/store/ram_flash.h"
#include "tflm_train/store/state_test.h"
#include "tflm_train/testing/micro_test.h"

namespace biotrain {
namespace {

constexpr FlashGeometry kGeometries[] = {
    {64, 6, 8, 0xff},    // STM32L4, G4: double words
    {64, 6, 16, 0xff},   // STM32U5, H5: quad words
    {128, 4, 32, 0xff},  // STM32H7: flash words
    {64, 6, 8, 0x00},    // erased to zeros
    {64, 16, 8, 0xff},   // sectors that are not needed
};

constexpr int kFlips[] = {1, 2, 4, 8, 16, 32, 64, 128, 255};

struct Tally {
  int cuts = 0;
  int found[5] = {};
  int operator[](Found what) const { return found[static_cast<int>(what)]; }
};

// Calls visit(cut) for every way to cut operation `at`. `few`: one of a kind.
template <typename Visit>
void ForEachCut(int at, uint32_t unit_bytes, bool few, Visit visit) {
  visit(Cut{at, Tear::kBefore, 0});
  visit(Cut{at, Tear::kAfter, 0});
  const auto salt = static_cast<uint32_t>(at);
  if (few) return visit(Cut{at, Tear::kBits, salt});
  for (uint32_t i = 1; i < unit_bytes; ++i) visit(Cut{at, Tear::kPrefix, i});
  for (uint32_t i = 0; i < 4; ++i) {
    visit(Cut{at, Tear::kBits, 4 * salt + i});
    visit(Cut{at, Tear::kUnreadable, i});
  }
}

// How many operations a save takes.
template <typename Saver>
int Operations(CutFlash flash, const State& state) {
  flash.PowerOn();
  const Status status = Save<Saver>(&flash, state);
  return status.ok() ? flash.operations() : -1;
}

template <typename Saver>
void Count(CutFlash* flash, const State& old, const State& fresh, Tally* tally,
           Found* found) {
  *found = Boot<Saver>(flash, old, fresh);
  ++tally->cuts;
  ++tally->found[static_cast<int>(*found)];
}

// `before` holds `old`; a save of `fresh` is cut everywhere, once and twice.
template <typename Saver>
void Sweep(const CutFlash& before, const FlashGeometry& geometry,
           const State& old, bool twice, Tally* once_tally,
           Tally* twice_tally) {
  const State fresh = MakeState(77), later = MakeState(78);
  const int operations = Operations<Saver>(before, fresh);
  static CutFlash flash(geometry), again(geometry);
  for (int at = 0; at < operations; ++at) {
    ForEachCut(at, geometry.program_bytes, false, [&](const Cut& cut) {
      flash = before;
      flash.PowerOn(cut);
      // A save that is cut must not say that it went well.
      if (Save<Saver>(&flash, fresh).ok()) ++once_tally->found[4];
      Found found;
      Count<Saver>(&flash, old, fresh, once_tally, &found);
      // Of the prefixes one of four will do to be cut twice.
      if (!twice || (cut.tear == Tear::kPrefix && cut.part % 4 != 1)) return;
      const State& kept = found == Found::kNew ? fresh : old;
      const int next = Operations<Saver>(flash, later);
      for (int second = 0; second < next; ++second) {
        ForEachCut(second, geometry.program_bytes, true, [&](const Cut& c) {
          again = flash;
          again.PowerOn(c);
          if (Save<Saver>(&again, later).ok()) ++twice_tally->found[4];
          Count<Saver>(&again, kept, later, twice_tally, &found);
        });
      }
    });
  }
}

template <typename Saver>
void Prepare(CutFlash* flash, const FlashGeometry& geometry, int saves) {
  *flash = CutFlash(geometry);
  for (int i = 0; i < saves; ++i) {
    flash->PowerOn();
    const Status status = Save<Saver>(flash, MakeState(i + 1));
    if (!status.ok()) TestPrint("cannot prepare\n");
  }
}

void Print(const char* what, const FlashGeometry& geometry, const Tally& t) {
  TestPrint(what);
  TestPrint(" unit=");
  PrintNumber(geometry.program_bytes);
  TestPrint(" erased=");
  PrintNumber(geometry.erased);
  TestPrint(" cuts=");
  PrintNumber(t.cuts);
  TestPrint(" old=");
  PrintNumber(t[Found::kOld]);
  TestPrint(" new=");
  PrintNumber(t[Found::kNew]);
  TestPrint(" nothing=");
  PrintNumber(t[Found::kNothing]);
  TestPrint(" error=");
  PrintNumber(t[Found::kError]);
  TestPrint(" mixture=");
  PrintNumber(t[Found::kMixture]);
  TestPrint("\n");
}

// All cuts but those of the very last unit leave the old state.
void Expect(TestContext& test, const Tally& tally) {
  test.Expect(tally.cuts > 50, "cuts");
  test.Expect(tally[Found::kOld] > 0, "old");
  test.Expect(tally[Found::kNew] > 0, "new");
  test.ExpectEqual(tally[Found::kNothing], 0, "nothing");
  test.ExpectEqual(tally[Found::kError], 0, "error");
  test.ExpectEqual(tally[Found::kMixture], 0, "mixture");
  test.ExpectEqual(tally[Found::kOld] + tally[Found::kNew], tally.cuts, "sum");
}

void TestCuts(TestContext& test) {
  static CutFlash flash(kGeometries[0]);
  for (const FlashGeometry& geometry : kGeometries) {
    const bool sweep_twice = &geometry < kGeometries + 3;
    for (int saves = 1; saves <= 3; ++saves) {
      Prepare<TwoSlots>(&flash, geometry, saves);
      const bool twice = sweep_twice && saves == 2;
      Tally once, second;
      Sweep<TwoSlots>(flash, geometry, MakeState(saves), twice, &once, &second);
      Print("cut=once", geometry, once);
      Expect(test, once);
      if (!twice) continue;
      Print("cut=twice", geometry, second);
      Expect(test, second);
    }
  }
}

void TestFirstSaveIsCut(TestContext& test) {
  static CutFlash flash(kGeometries[0]);
  for (const FlashGeometry& geometry : kGeometries) {
    Prepare<TwoSlots>(&flash, geometry, 0);
    Tally tally, none;
    Sweep<TwoSlots>(flash, geometry, MakeState(1), false, &tally, &none);
    Print("cut=first", geometry, tally);
    test.Expect(tally[Found::kNothing] > 0 && tally[Found::kNew] > 0, "both");
    test.ExpectEqual(tally[Found::kNothing] + tally[Found::kNew], tally.cuts,
                     "sum");
  }
}

// What was cut off may read one way now and another way tomorrow. A save is
// cut, power comes back in either phase, the next save is cut, too, and
// whatever the phase is then, something whole is left: what was found, or what
// was saved then, or, while the other slot is untouched, what was there before.
// `spoilt`: the place of the second record is taken.
Tally SweepFlaky(const FlashGeometry& geometry, bool spoilt) {
  static CutFlash before(geometry), flash(geometry), again(geometry);
  const State old = MakeState(2), fresh = MakeState(77), later = MakeState(78);
  Tally tally;
  Prepare<TwoSlots>(&before, geometry, 2);
  const int operations = Operations<TwoSlots>(before, fresh);
  for (int i = 0; i < 2 * operations; ++i) {
    flash = before;
    flash.PowerOn({i / 2, Tear::kFlaky, 0});
    if (Save<TwoSlots>(&flash, fresh).ok()) ++tally.found[4];
    flash.SetPhase(i % 2);
    const Found found = Boot<TwoSlots>(&flash, old, fresh);
    const State& kept = found == Found::kNew ? fresh : old;
    if (spoilt) flash.memory()[flash.bytes() / 2 - 64] ^= 1;
    const int next = Operations<TwoSlots>(flash, later);
    for (int k = 0; k < 4 * next; ++k) {
      again = flash;
      again.PowerOn({k / 4, k % 4 < 2 ? Tear::kAfter : Tear::kFlaky, 0});
      if (Save<TwoSlots>(&again, later).ok()) ++tally.found[4];
      again.SetPhase(k % 2);
      Found last = Boot<TwoSlots>(&again, kept, later);
      if (last == Found::kMixture) last = Boot<TwoSlots>(&again, old, later);
      ++tally.cuts;
      ++tally.found[static_cast<int>(last)];
    }
  }
  return tally;
}

void TestFlakyCuts(TestContext& test) {
  for (const FlashGeometry& geometry : kGeometries) {
    const Tally tally = SweepFlaky(geometry, false);
    Print("cut=flaky", geometry, tally);
    Expect(test, tally);
  }
  const Tally tally = SweepFlaky(kGeometries[0], true);
  Print("cut=flaky_planted", kGeometries[0], tally);
  test.Expect(tally[Found::kNothing] > 10, "losses are found");
}

// The same cuts find what is wrong with a store that is.
void TestCutsFindFaults(TestContext& test) {
  static CutFlash flash(kGeometries[0]);
  Prepare<InPlace>(&flash, kGeometries[0], 2);
  Tally tally, none;
  Sweep<InPlace>(flash, kGeometries[0], MakeState(2), false, &tally, &none);
  Print("cut=planted", kGeometries[0], tally);
  test.Expect(tally[Found::kMixture] > 50, "mixtures are found");
  test.Expect(tally[Found::kError] > 50, "losses are found");
}

// Whichever byte is damaged, the other slot serves; or, where there is none,
// an error.
void TestFlippedBytes(TestContext& test) {
  static CutFlash flash(kGeometries[0]);
  const State old = MakeState(1), fresh = MakeState(2);
  for (const FlashGeometry& geometry : kGeometries) {
    if (geometry.sectors > 6) continue;  // most of it is not looked at
    Tally tally;
    for (int saves = 1; saves <= 2; ++saves) {
      Prepare<TwoSlots>(&flash, geometry, saves);
      for (uint32_t i = 0; i < flash.bytes(); ++i) {
        for (const int flip : kFlips) {
          flash.memory()[i] ^= static_cast<uint8_t>(flip);
          Found found;
          Count<TwoSlots>(&flash, old, fresh, &tally, &found);
          flash.memory()[i] ^= static_cast<uint8_t>(flip);
        }
      }
    }
    Print("flip", geometry, tally);
    test.ExpectEqual(tally[Found::kMixture], 0, "mixture");
    test.ExpectEqual(tally[Found::kError], 0, "error");
    // One save only: a byte of it is damaged.
    const int damaged = static_cast<int>(kStateBytes + kExtraBytes + 32) * 9;
    test.ExpectEqual(tally[Found::kNothing], damaged, "nothing");
    test.Expect(tally[Found::kOld] >= 2 * damaged, "old");
  }
}

// Two bytes, one in each slot.
void TestBothSlotsDamaged(TestContext& test) {
  static CutFlash flash(kGeometries[0]);
  const State old = MakeState(1), fresh = MakeState(2);
  Prepare<TwoSlots>(&flash, kGeometries[0], 2);
  Tally tally;
  for (uint32_t i = 0; i < flash.bytes() / 2; ++i) {
    const uint32_t other = flash.bytes() / 2 + (i * 37) % (flash.bytes() / 2);
    flash.memory()[i] ^= 0x10;
    flash.memory()[other] ^= 0x10;
    Found found;
    Count<TwoSlots>(&flash, old, fresh, &tally, &found);
    flash.memory()[i] ^= 0x10;
    flash.memory()[other] ^= 0x10;
  }
  Print("flip=both", kGeometries[0], tally);
  test.ExpectEqual(tally[Found::kMixture], 0, "mixture");
  test.Expect(tally[Found::kNothing] > 0 && tally[Found::kOld] > 0, "kinds");
}

constexpr TestCase kTests[] = {
    {"cuts", TestCuts},
    {"first_save_is_cut", TestFirstSaveIsCut},
    {"flaky_cuts", TestFlakyCuts},
    {"cuts_find_faults", TestCutsFindFaults},
    {"flipped_bytes", TestFlippedBytes},
    {"both_slots_damaged", TestBothSlotsDamaged},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
