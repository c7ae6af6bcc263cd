// SPDX-License-Identifier: Apache-2.0
// Saves a trainer's variables so that a power cut at any moment leaves what was
// saved before or what is saved now, and never a mixture.
//
//   biotrain::Store store;
//   Status status = biotrain::Store::Open(flash, trainer, 0, &store);
//   if (status.ok() && store.has_state()) status = store.Restore(&trainer);
//   ...
//   status = store.Save(trainer);
//
// The flash is two slots, written in turn: the state, in the order of the save
// signature, then bytes of the application, then padding; and in the last units
// of the slot a record that says what it is, written when all else was read
// back. A slot counts if its record and its checksum are right, the one that
// was saved last first. Nothing is copied: variables go from where they are to
// flash and back, one unit at a time.
#ifndef TFLM_TRAIN_STORE_STORE_H_
#define TFLM_TRAIN_STORE_STORE_H_

#include <cstddef>
#include <cstdint>

#include "tflm_train/micro/span.h"
#include "tflm_train/micro/status.h"
#include "tflm_train/micro/trainer.h"
#include "tflm_train/store/flash.h"

namespace biotrain {

class Store {
 public:
  static constexpr uint32_t kMaxProgramBytes = 256;

  Store() = default;

  // Looks for what was saved from the trainer's model, by the hash of its file,
  // with as many bytes of the application; reads both slots once. Having found
  // nothing is no error. The flash's context must outlive the store.
  static Status Open(const Flash& flash, const Trainer& trainer,
                     size_t extra_bytes, Store* store);

  // Whether there is a state to restore.
  bool has_state() const { return current_ >= 0; }
  // How many states were saved before the newest, in this flash.
  uint32_t sequence() const { return sequence_; }
  // The bytes a slot needs for a state of `trainer`.
  static size_t SlotBytes(const FlashGeometry& geometry, const Trainer& trainer,
                          size_t extra_bytes);

  // If this is not kOk, what was saved before is still there.
  Status Save(const Trainer& trainer, Span<const uint8_t> extra = {});

  // The newest state that is whole. kNothingSaved or kOtherModel leaves the
  // trainer as it is; a flash that reads otherwise the second time leaves it at
  // its initial values, and kFlashFailed.
  Status Restore(Trainer* trainer, Span<uint8_t> extra = {});

 private:
  struct Record;

  uint32_t slot_bytes() const {
    return flash_.geometry.sectors / 2 * flash_.geometry.sector_bytes;
  }
  uint32_t SlotBegin(int slot) const { return slot * slot_bytes(); }
  // The record is copy 0, in the last units; copy 1 lies before it.
  uint32_t RecordBegin(int slot, int copy) const;
  size_t payload_bytes() const { return state_bytes_ + extra_bytes_; }
  bool IsOurs(const Record& record) const;
  bool ReadRecord(int slot, int copy, Record* record) const;
  bool ReadRecord(int slot, Record* record) const;
  bool ReadChecksum(int slot, size_t bytes, uint32_t* crc) const;
  void LookAt(int slot);
  Status WriteState(int slot, const Trainer& trainer, Span<const uint8_t> extra,
                    uint32_t* crc) const;
  Status WriteRecord(int slot, int copy, const Record& record) const;
  void Seal(int slot) const;
  Status RestoreFrom(int slot, Trainer* trainer, Span<uint8_t> extra) const;

  Flash flash_;
  uint64_t model_hash_ = 0;
  size_t state_bytes_ = 0;
  size_t extra_bytes_ = 0;
  int current_ = -1;       // the slot with the newest state of this model
  int newest_ = -1;        // the slot with the newest state of any
  uint32_t sequence_ = 0;  // of the newest of any
  bool sealed_ = false;    // whether the record of current_ is past doubt
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_STORE_STORE_H_
