// SPDX-License-Identifier: Apache-2.0
// Wears a recording:
//   replay MODEL.tflite RECORDING [accuracy_floor=0.8 horizon=16 ...]
// with the fields of AdaptPolicy, and windows=N for the size of the buffer.
//
// RECORDING, little-endian: int32 number of windows, of elements of a window,
// bytes of an element (4: float32, 2: int16), float32 scale; int32 label and
// int32 day of each window; then the windows.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "tflm_train/adapt/adapter.h"
#include "tflm_train/app/line.h"
#include "tflm_train/ports/host/read_file.h"
#include "tflm_train/store/ram_flash.h"

namespace {

using biotrain::AdaptPolicy;
using biotrain::Line;
using biotrain::Status;

struct Header {
  int32_t windows;
  int32_t elements;
  int32_t element_bytes;
  float scale;
};

struct Note {
  int32_t label;
  int32_t day;
};

struct Recording {
  Header header;
  std::vector<uint8_t> bytes;

  bool Read(const char* path) {
    if (!biotrain::ReadFile(path, &bytes)) return false;
    if (bytes.size() < sizeof header) return false;
    std::memcpy(&header, bytes.data(), sizeof header);
    const bool known = header.element_bytes == 2 || header.element_bytes == 4;
    return known && header.windows > 0 && header.elements > 0 &&
           bytes.size() ==
               sizeof header + header.windows * (sizeof(Note) + window_bytes());
  }
  size_t window_bytes() const {
    return size_t{1} * header.elements * header.element_bytes;
  }
  Note note(int32_t i) const {
    Note note;
    std::memcpy(&note, bytes.data() + sizeof header + i * sizeof note,
                sizeof note);
    return note;
  }
  const uint8_t* window(int32_t i) const {
    return bytes.data() + sizeof header + header.windows * sizeof(Note) +
           i * window_bytes();
  }
};

// False: there is no such field.
bool Set(const char* argument, AdaptPolicy* policy, int32_t* windows) {
  const char* equals = std::strchr(argument, '=');
  if (equals == nullptr) return false;
  const size_t length = static_cast<size_t>(equals - argument);
  const double value = std::strtod(equals + 1, nullptr);
  const struct {
    const char* name;
    int32_t* whole;
    float* real;
  } fields[] = {
      {"windows", windows, nullptr},
      {"accuracy_floor", nullptr, &policy->accuracy_floor},
      {"confidence_floor", nullptr, &policy->confidence_floor},
      {"horizon", &policy->horizon, nullptr},
      {"min_windows", &policy->min_windows, nullptr},
      {"steps_per_episode", &policy->steps_per_episode, nullptr},
      {"steps_per_day", &policy->steps_per_day, nullptr},
      {"held_out_one_in", &policy->held_out_one_in, nullptr},
      {"check_every", &policy->check_every, nullptr},
      {"patience", &policy->patience, nullptr},
      {"min_gain", nullptr, &policy->min_gain},
      {"loss_rise", nullptr, &policy->loss_rise},
  };
  for (const auto& field : fields) {
    if (std::strlen(field.name) != length ||
        std::strncmp(field.name, argument, length) != 0) {
      continue;
    }
    if (field.whole != nullptr) *field.whole = static_cast<int32_t>(value);
    if (field.real != nullptr) *field.real = static_cast<float>(value);
    return true;
  }
  return false;
}

class Replay {
 public:
  Replay(const std::vector<uint8_t>& model, const Recording& recording)
      : model_(model), recording_(recording) {}

  Status Start(const AdaptPolicy& policy, int32_t windows) {
    size_t arena_bytes = 0;
    Status status = biotrain::Trainer::RequiredArena(
        {model_.data(), model_.size()}, &arena_bytes);
    if (!status.ok()) return status;
    arena_.resize(arena_bytes + kAlignment);
    const auto address = reinterpret_cast<uintptr_t>(arena_.data());
    uint8_t* aligned = arena_.data() + (kAlignment - address % kAlignment);
    status = biotrain::Trainer::Create({model_.data(), model_.size()},
                                       {aligned, arena_bytes}, &trainer_,
                                       {INT64_MAX});
    if (!status.ok()) return status;
    const auto elements = trainer_.InputElements("infer", "x");
    if (elements != static_cast<size_t>(recording_.header.elements)) {
      return Error(biotrain::StatusCode::kBadShape, "recording", elements,
                   recording_.header.elements);
    }
    biotrain::FlashGeometry geometry = {4096, 2, 32, 0xff};
    const size_t slot = biotrain::Store::SlotBytes(
        geometry, trainer_, biotrain::Adapter::kExtraBytes);
    geometry.sectors = 2 * static_cast<uint32_t>(slot / 4096 + 1);
    flash_bytes_.assign(geometry.sectors * size_t{4096}, 0xff);
    flash_ = biotrain::RamFlash({flash_bytes_.data(), flash_bytes_.size()},
                                geometry);
    status = biotrain::Store::Open(flash_.flash(), trainer_,
                                   biotrain::Adapter::kExtraBytes, &store_);
    if (!status.ok()) return status;
    windows_.resize(windows * recording_.window_bytes());
    labels_.resize(windows);
    output_.resize(trainer_.OutputElements("infer", "output"));
    const bool codes = recording_.header.element_bytes == 2;
    const biotrain::AdaptMemory memory = {
        {windows_.data(), windows_.size()},
        {labels_.data(), labels_.size()},
        {output_.data(), output_.size()},
        {},
        {codes ? biotrain::TensorType::kInt16 : biotrain::TensorType::kFloat32,
         recording_.header.scale}};
    return biotrain::Adapter::Create(&trainer_, &store_, policy, memory,
                                     &adapter_);
  }

  Status Wear(int32_t i, bool* right) {
    const Note note = recording_.note(i);
    biotrain::AdaptPrediction told;
    Status status = adapter_.Offer(recording_.window(i), note.label, &told);
    *right = told.label == note.label;
    while (status.ok() && adapter_.state() == biotrain::AdaptState::kTraining) {
      status = adapter_.Step();
    }
    return status;
  }

  biotrain::Adapter& adapter() { return adapter_; }

 private:
  static constexpr size_t kAlignment = 16;
  const std::vector<uint8_t>& model_;
  const Recording& recording_;
  std::vector<uint8_t> arena_, flash_bytes_, windows_;
  std::vector<int32_t> labels_;
  std::vector<float> output_;
  biotrain::Trainer trainer_;
  biotrain::RamFlash flash_{{}, {}};
  biotrain::Store store_;
  biotrain::Adapter adapter_;
};

void SendDay(int32_t day, int32_t windows, int32_t right,
             const biotrain::Adapter& adapter) {
  const biotrain::AdaptCounts& counts = adapter.counts();
  Line()
      .Int("day", day)
      .Int("windows", windows)
      .Int("right", right)
      .Int("episodes", counts.episodes)
      .Int("taken_back", counts.taken_back)
      .Int("steps", counts.steps)
      .Int("saves", counts.saves)
      .Int("inferences", adapter.inferences())
      .Send();
}

Status WearAll(const Recording& recording, Replay* replay) {
  int32_t windows = 0, right = 0;
  for (int32_t i = 0; i < recording.header.windows; ++i) {
    bool told_right = false;
    const Status status = replay->Wear(i, &told_right);
    if (!status.ok()) return status;
    ++windows;
    right += told_right;
    const int32_t day = recording.note(i).day;
    const bool last = i + 1 == recording.header.windows;
    if (!last && recording.note(i + 1).day == day) continue;
    SendDay(day, windows, right, replay->adapter());
    windows = right = 0;
    replay->adapter().NewDay();
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: replay MODEL RECORDING [field=value ...]\n");
    return 2;
  }
  std::vector<uint8_t> model;
  if (!biotrain::ReadFile(argv[1], &model)) {
    std::fprintf(stderr, "model: cannot read %s\n", argv[1]);
    return 2;
  }
  Recording recording;
  if (!recording.Read(argv[2])) {
    std::fprintf(stderr, "recording: %s is not as its header says\n", argv[2]);
    return 2;
  }
  AdaptPolicy policy;
  int32_t windows = 64;
  for (int i = 3; i < argc; ++i) {
    if (!Set(argv[i], &policy, &windows)) {
      std::fprintf(stderr, "policy: no field is called %s\n", argv[i]);
      return 2;
    }
  }
  Replay replay(model, recording);
  Status status = replay.Start(policy, windows);
  if (status.ok()) status = WearAll(recording, &replay);
  if (!status.ok()) biotrain::SendError(status);
  biotrain::SendWord(status.ok() ? "PASS" : "FAIL");
  return status.ok() ? 0 : 1;
}
