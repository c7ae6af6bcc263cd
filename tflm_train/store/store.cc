// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/store/store.h"

#include <algorithm>
#include <cstring>

#include "tflm_train/micro/crc32.h"
#include "tflm_train/store/unit_writer.h"

namespace biotrain {

// The commit of a slot, as it lies in flash, little-endian.
struct Store::Record {
  uint32_t magic;
  uint32_t sequence;
  uint32_t state_bytes;
  uint32_t extra_bytes;
  uint64_t model_hash;
  uint32_t payload_crc;
  uint32_t record_crc;  // of all that is before it
};

namespace {

constexpr uint32_t kMagic = 0x31535442u;  // "BTS1": the version of the layout
constexpr size_t kRecordBytes = 32;
constexpr size_t kReadBytes = 256;

Status BadArgument(const char* what, int64_t wanted, int64_t found) {
  return Error(StatusCode::kBadArgument, what, wanted, found);
}

Status FlashFailed(const char* what, uint32_t address) {
  return Error(StatusCode::kFlashFailed, what, 0, address);
}

// FNV-1a. A model converted anew has other initial weights or another plan, and
// so another hash: its states are not mixed up with those of the old one.
uint64_t Hash(Span<const uint8_t> file) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const uint8_t byte : file) hash = (hash ^ byte) * 0x100000001b3u;
  return hash;
}

uint32_t RoundUp(size_t bytes, uint32_t unit) {
  return static_cast<uint32_t>((bytes + unit - 1) / unit * unit);
}

// Sequence numbers may wrap.
bool IsNewer(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) > 0; }

Status CheckGeometry(const FlashGeometry& geometry) {
  const uint32_t unit = geometry.program_bytes;
  if (unit == 0 || (unit & (unit - 1)) != 0 || unit > Store::kMaxProgramBytes) {
    return BadArgument("program_bytes", Store::kMaxProgramBytes, unit);
  }
  if (geometry.sector_bytes == 0 || geometry.sector_bytes % unit != 0) {
    return BadArgument("sector_bytes", unit, geometry.sector_bytes);
  }
  if (geometry.sectors < 2 || geometry.sectors % 2 != 0) {
    return BadArgument("sectors", 2, geometry.sectors);
  }
  return {};
}

// What one restore reads, and the checksum of it so far.
struct Reading {
  const Flash& flash;
  uint32_t begin;
  uint32_t crc;

  static bool Read(void* context, size_t offset, Span<uint8_t> bytes) {
    auto& self = *static_cast<Reading*>(context);
    const auto address = static_cast<uint32_t>(self.begin + offset);
    if (!self.flash.read(self.flash.context, address, bytes)) return false;
    // The state is read twice; what is restored is the second reading.
    self.crc = Crc32(offset == 0 ? 0 : self.crc, bytes.data(), bytes.size());
    return true;
  }
};

}  // namespace

Status Store::Open(const Flash& flash, const Trainer& trainer,
                   size_t extra_bytes, Store* store) {
  static_assert(sizeof(Record) == kRecordBytes, "no padding");
  *store = Store();
  if (flash.read == nullptr || flash.erase == nullptr ||
      flash.program == nullptr) {
    return BadArgument("flash", 1, 0);
  }
  const Status status = CheckGeometry(flash.geometry);
  if (!status.ok()) return status;
  const size_t state_bytes = trainer.SaveBytes();
  if (state_bytes == 0) return BadArgument("trainer", 1, 0);
  const size_t wanted = SlotBytes(flash.geometry, trainer, extra_bytes);
  const uint64_t found =
      uint64_t{flash.geometry.sectors / 2} * flash.geometry.sector_bytes;
  if (found < wanted) {
    return Error(StatusCode::kFlashTooSmall, "slot", wanted, found);
  }
  store->flash_ = flash;
  store->state_bytes_ = state_bytes;
  store->extra_bytes_ = extra_bytes;
  store->model_hash_ = Hash(trainer.ModelFile());
  for (int slot = 0; slot < 2; ++slot) store->LookAt(slot);
  return {};
}

size_t Store::SlotBytes(const FlashGeometry& geometry, const Trainer& trainer,
                        size_t extra_bytes) {
  const uint32_t unit = geometry.program_bytes;
  return RoundUp(trainer.SaveBytes() + extra_bytes, unit) +
         2 * RoundUp(kRecordBytes, unit);
}

uint32_t Store::RecordBegin(int slot, int copy) const {
  return SlotBegin(slot) + slot_bytes() -
         (copy + 1) * RoundUp(kRecordBytes, flash_.geometry.program_bytes);
}

bool Store::IsOurs(const Record& record) const {
  return record.model_hash == model_hash_ &&
         record.state_bytes == state_bytes_ &&
         record.extra_bytes == extra_bytes_;
}

bool Store::ReadRecord(int slot, int copy, Record* record) const {
  uint8_t bytes[kRecordBytes];
  if (!flash_.read(flash_.context, RecordBegin(slot, copy),
                   {bytes, kRecordBytes})) {
    return false;
  }
  std::memcpy(record, bytes, kRecordBytes);
  return record->magic == kMagic &&
         record->record_crc ==
             Crc32(0, bytes, kRecordBytes - sizeof record->record_crc);
}

bool Store::ReadRecord(int slot, Record* record) const {
  return ReadRecord(slot, 0, record) || ReadRecord(slot, 1, record);
}

bool Store::ReadChecksum(int slot, size_t bytes, uint32_t* crc) const {
  if (bytes > RecordBegin(slot, 1) - SlotBegin(slot)) return false;
  uint8_t chunk[kReadBytes];
  *crc = 0;
  for (size_t done = 0; done < bytes; done += kReadBytes) {
    const size_t part = std::min(kReadBytes, bytes - done);
    const auto address = static_cast<uint32_t>(SlotBegin(slot) + done);
    if (!flash_.read(flash_.context, address, {chunk, part})) return false;
    *crc = Crc32(*crc, chunk, part);
  }
  return true;
}

void Store::LookAt(int slot) {
  Record record;
  uint32_t crc;
  if (!ReadRecord(slot, &record)) return;
  const uint64_t bytes = uint64_t{record.state_bytes} + record.extra_bytes;
  if (bytes > slot_bytes()) return;
  if (!ReadChecksum(slot, static_cast<size_t>(bytes), &crc)) return;
  if (crc != record.payload_crc) return;
  // Slot 0 is looked at first, so that current_ is slot 0, or there is none.
  const bool newer = newest_ < 0 || IsNewer(record.sequence, sequence_);
  if (IsOurs(record) && (current_ < 0 || newer)) current_ = slot;
  if (!newer) return;
  newest_ = slot;
  sequence_ = record.sequence;
}

Status Store::Save(const Trainer& trainer, Span<const uint8_t> extra) {
  if (state_bytes_ == 0) return BadArgument("store", 1, 0);
  if (trainer.SaveBytes() != state_bytes_) {
    return BadArgument("state_bytes", state_bytes_, trainer.SaveBytes());
  }
  if (extra.size() != extra_bytes_) {
    return BadArgument("extra_bytes", extra_bytes_, extra.size());
  }
  // Never the state that would be restored; of two of other models, the older.
  const int kept = current_ >= 0 ? current_ : newest_;
  const int slot = kept == 0 ? 1 : 0;
  Record record = {kMagic,
                   sequence_ + 1,
                   static_cast<uint32_t>(state_bytes_),
                   static_cast<uint32_t>(extra_bytes_),
                   model_hash_,
                   0,
                   0};
  if (current_ >= 0 && !sealed_) Seal(current_);
  sealed_ = true;
  const Status written = WriteState(slot, trainer, extra, &record.payload_crc);
  if (!written.ok()) return written;
  record.record_crc =
      Crc32(0, &record, kRecordBytes - sizeof record.record_crc);
  const Status committed = WriteRecord(slot, 0, record);
  if (!committed.ok()) return committed;
  current_ = newest_ = slot;
  sequence_ = record.sequence;
  return {};
}

Status Store::WriteState(int slot, const Trainer& trainer,
                         Span<const uint8_t> extra, uint32_t* crc) const {
  // From the end, so that the record goes first; what lies between it and the
  // state is never looked at.
  const uint32_t sector = flash_.geometry.sector_bytes;
  for (uint32_t end = slot_bytes(); end > 0; end -= sector) {
    const uint32_t address = SlotBegin(slot) + end - sector;
    if (end - sector >= payload_bytes() &&
        address + sector <= RecordBegin(slot, 1)) {
      continue;
    }
    if (!flash_.erase(flash_.context, address)) {
      return FlashFailed("erase", address);
    }
  }
  UnitWriter writer(flash_, SlotBegin(slot));
  const Trainer::Visit visit = [](void* context, Span<const uint8_t> bytes) {
    static_cast<UnitWriter*>(context)->Write(bytes);
  };
  const Status saved = trainer.SaveEach(visit, &writer);
  if (!saved.ok()) return saved;
  writer.Write(extra);
  if (!writer.Finish()) return FlashFailed("program", writer.address());
  *crc = writer.crc();
  uint32_t found;
  if (!ReadChecksum(slot, payload_bytes(), &found) || found != *crc) {
    return FlashFailed("verify", SlotBegin(slot));
  }
  return {};
}

Status Store::WriteRecord(int slot, int copy, const Record& record) const {
  UnitWriter writer(flash_, RecordBegin(slot, copy));
  writer.Write({reinterpret_cast<const uint8_t*>(&record), kRecordBytes});
  if (!writer.Finish()) return FlashFailed("commit", writer.address());
  Record found;
  if (!ReadRecord(slot, copy, &found) ||
      std::memcmp(&found, &record, kRecordBytes) != 0) {
    return FlashFailed("commit", RecordBegin(slot, copy));
  }
  return {};
}

// Best effort: where the second record was begun once before, it stays as it
// is, and the first must do.
void Store::Seal(int slot) const {
  Record record;
  uint8_t bytes[kRecordBytes];
  if (!ReadRecord(slot, 0, &record) ||
      !flash_.read(flash_.context, RecordBegin(slot, 1),
                   {bytes, kRecordBytes})) {
    return;
  }
  for (const uint8_t byte : bytes) {
    if (byte != flash_.geometry.erased) return;
  }
  const Status sealed = WriteRecord(slot, 1, record);
  static_cast<void>(sealed.ok());
}

Status Store::Restore(Trainer* trainer, Span<uint8_t> extra) {
  if (state_bytes_ == 0) return BadArgument("store", 1, 0);
  if (trainer->SaveBytes() != state_bytes_) {
    return BadArgument("state_bytes", state_bytes_, trainer->SaveBytes());
  }
  if (extra.size() != extra_bytes_) {
    return BadArgument("extra_bytes", extra_bytes_, extra.size());
  }
  if (current_ < 0) {
    return Error(
        newest_ < 0 ? StatusCode::kNothingSaved : StatusCode::kOtherModel,
        "state", 1, 0);
  }
  return RestoreFrom(current_, trainer, extra);
}

Status Store::RestoreFrom(int slot, Trainer* trainer,
                          Span<uint8_t> extra) const {
  Record record;
  if (!ReadRecord(slot, &record)) {
    return FlashFailed("record", RecordBegin(slot, 0));
  }
  Reading reading = {flash_, SlotBegin(slot), 0};
  const Status status = trainer->RestoreEach(Reading::Read, &reading);
  if (!status.ok()) {
    return status.code == StatusCode::kBadArgument
               ? FlashFailed("read", SlotBegin(slot))
               : status;
  }
  const bool whole =
      (extra.empty() || Reading::Read(&reading, state_bytes_, extra)) &&
      reading.crc == record.payload_crc;
  if (whole) return {};
  const Status reset = trainer->Reset();
  return reset.ok() ? FlashFailed("read", SlotBegin(slot)) : reset;
}

}  // namespace biotrain
