// SPDX-License-Identifier: Apache-2.0
// Damages a model again and again and trains what is left of it:
//
//   fuzz MODEL.tflite --mutations 10000 --seed 1
//
// Build with -fsanitize=address,undefined. Every case is created, trained for
// a step, asked, saved and restored in an arena of its own. It must end within
// a second (of the processor's time, whatever else the machine is doing), and
// calls that refuse must leave the variables alone. Outcomes are printed as
// key=value, then PASS or FAIL. Two thirds of the cases damage the structure.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tflm_train/micro/fuzz/mutate.h"
#include "tflm_train/micro/trainer.h"
#include "tflm_train/ports/host/read_file.h"

namespace biotrain {
namespace fuzz {
namespace {

constexpr double kSeconds = 1.0;
// Some ten times what a small EEGNet needs, and below a second under the
// sanitizers.
constexpr int64_t kWorkPerCall = int64_t{20} * 1000 * 1000;
// Plans that want more end in kArenaTooSmall.
constexpr size_t kMaxArena = size_t{16} << 20;

struct Options {
  std::string model;
  int mutations = 10000;
  uint64_t seed = 1;
  int64_t work = kWorkPerCall;
};

struct Tally {
  std::map<std::string, int> outcomes;
  int structural = 0;
  int completed = 0;
  int too_slow = 0;
  int changed_by_refusal = 0;
  double slowest = 0.0;
  std::string slowest_outcome;
};

// Exactly as large as asked for, so that the sanitizer sees the ends.
struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Block = std::unique_ptr<uint8_t, Free>;

Block Allocate(size_t bytes) {
  return Block(static_cast<uint8_t*>(std::malloc(bytes > 0 ? bytes : 1)));
}

// One trainer and copies of its variables, to see what calls changed.
class Session {
 public:
  Session(Trainer* trainer, const uint8_t* variables, size_t bytes)
      : trainer_(trainer), variables_(variables), bytes_(bytes) {}

  // Ends at the first call that refuses, with its name and status.
  std::string Run(Random* random) {
    Status status = Train(random);
    if (!status.ok()) return Outcome("train", status);
    status = Infer(random);
    if (!status.ok()) return Outcome("infer", status);
    std::vector<uint8_t> saved(trainer_->SaveBytes());
    Remember();
    status = trainer_->Save({saved.data(), saved.size()});
    CheckUnchanged();
    if (!status.ok()) return Outcome("save", status);
    Remember();
    status = trainer_->Restore({saved.data(), saved.size()});
    if (!status.ok()) CheckUnchanged();
    return Outcome("restore", status);
  }

  static std::string Outcome(const char* call, const Status& status) {
    return std::string(call) + "_" + StatusName(status.code);
  }
  bool changed_by_refusal() const { return changed_by_refusal_; }

 private:
  Status Train(Random* random) {
    const std::vector<float> x =
        Floats(trainer_->InputElements("train", "x"), random);
    const size_t y_elements = trainer_->InputElements("train", "y");
    float loss = 0.0f;
    Tensor y;
    Remember();
    Status status = trainer_->Input("train", "y", &y);
    if (!status.ok()) return status;
    if (y.type == TensorType::kInt32) {
      std::vector<int32_t> labels(y_elements);
      for (int32_t& label : labels) label = random->Below(2);
      status = trainer_->Train(
          {x.data(), x.size()},
          Span<const int32_t>(labels.data(), labels.size()), &loss);
    } else {
      const std::vector<float> targets = Floats(y_elements, random);
      status = trainer_->Train(
          {x.data(), x.size()},
          Span<const float>(targets.data(), targets.size()), &loss);
    }
    if (!status.ok()) CheckUnchanged();
    return status;
  }

  Status Infer(Random* random) {
    const std::vector<float> x =
        Floats(trainer_->InputElements("infer", "x"), random);
    std::vector<float> output(trainer_->OutputElements("infer", "output"));
    Remember();
    const Status status =
        trainer_->Infer({x.data(), x.size()}, {output.data(), output.size()});
    CheckUnchanged();
    return status;
  }

  static std::vector<float> Floats(size_t count, Random* random) {
    std::vector<float> values(count);
    for (float& value : values) {
      value = static_cast<float>(random->Below(2001)) * 0.001f - 1.0f;
    }
    return values;
  }

  void Remember() { before_.assign(variables_, variables_ + bytes_); }
  void CheckUnchanged() {
    if (bytes_ > 0 && std::memcmp(before_.data(), variables_, bytes_) != 0) {
      changed_by_refusal_ = true;
    }
  }

  Trainer* const trainer_;
  const uint8_t* const variables_;
  const size_t bytes_;
  std::vector<uint8_t> before_;
  bool changed_by_refusal_ = false;
};

std::string RunCase(const std::vector<uint8_t>& bytes, int64_t work,
                    Random* random, Tally* tally) {
  const Block model = Allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(model.get(), bytes.data(), bytes.size());
  const Span<const uint8_t> file = {model.get(), bytes.size()};
  size_t arena_bytes = 0;
  const Status required = Trainer::RequiredArena(file, &arena_bytes);
  if (!required.ok()) return Session::Outcome("open", required);
  if (arena_bytes > kMaxArena) arena_bytes = kMaxArena;
  const Block arena = Allocate(arena_bytes);
  std::memset(arena.get(), 0x7f, arena_bytes);
  Trainer trainer;
  Limits limits;
  limits.work_per_call = work;
  const Status created =
      Trainer::Create(file, {arena.get(), arena_bytes}, &trainer, limits);
  if (!created.ok()) return Session::Outcome("create", created);
  Model opened;
  if (!Model::Open(file, &opened).ok()) std::abort();
  Session session(&trainer, arena.get(), opened.variable_bytes());
  const std::string outcome = session.Run(random);
  if (session.changed_by_refusal()) ++tally->changed_by_refusal;
  if (outcome == "restore_kOk") ++tally->completed;
  return outcome;
}

void RunTimed(const std::vector<uint8_t>& bytes, const Options& options,
              Random* random, Tally* tally) {
  const std::clock_t start = std::clock();
  const std::string outcome = RunCase(bytes, options.work, random, tally);
  const double seconds =
      static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  ++tally->outcomes[outcome];
  if (!(seconds <= kSeconds)) ++tally->too_slow;
  if (!(seconds <= tally->slowest)) {
    tally->slowest = seconds;
    tally->slowest_outcome = outcome;
  }
}

bool Report(const Options& options, const Tally& tally, size_t sites) {
  const bool passed = tally.too_slow == 0 && tally.changed_by_refusal == 0 &&
                      tally.structural * 3 >= options.mutations;
  std::printf("model=%s\nseed=%llu\nmutations=%d\nstructural=%d\nsites=%zu\n",
              options.model.c_str(),
              static_cast<unsigned long long>(options.seed), options.mutations,
              tally.structural, sites);
  for (const auto& [name, count] : tally.outcomes) {
    std::printf("outcome_%s=%d\n", name.c_str(), count);
  }
  std::printf("completed=%d\nslowest_ms=%.1f\nslowest_outcome=%s\n",
              tally.completed, tally.slowest * 1e3,
              tally.slowest_outcome.c_str());
  std::printf("too_slow=%d\n", tally.too_slow);
  std::printf("changed_by_refusal=%d\n%s\n", tally.changed_by_refusal,
              passed ? "PASS" : "FAIL");
  return passed;
}

bool ParseOptions(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name.rfind("--", 0) != 0) {
      options->model = name;
      continue;
    }
    if (i + 1 >= argc) return false;
    const long long value = std::strtoll(argv[++i], nullptr, 10);
    if (name == "--mutations") {
      options->mutations = static_cast<int>(value);
    } else if (name == "--seed") {
      options->seed = static_cast<uint64_t>(value);
    } else if (name == "--work") {
      options->work = value;
    } else {
      return false;
    }
  }
  return !options->model.empty() && options->mutations > 0;
}

int Main(int argc, char** argv) {
  Options options;
  if (!ParseOptions(argc, argv, &options)) {
    std::fprintf(stderr,
                 "usage: fuzz MODEL.tflite [--mutations N] [--seed N] "
                 "[--work MULTIPLY_ADDS]\n");
    return 2;
  }
  std::vector<uint8_t> model;
  if (!ReadFile(options.model.c_str(), &model)) {
    std::fprintf(stderr, "cannot read %s\n", options.model.c_str());
    return 2;
  }
  Random random(options.seed);
  Tally undamaged;
  const std::string outcome = RunCase(model, options.work, &random, &undamaged);
  if (outcome != "restore_kOk") {
    std::fprintf(stderr, "the undamaged model ends with %s\n", outcome.c_str());
    return 2;
  }
  const SiteMap sites({model.data(), model.size()});
  Tally tally;
  for (int i = 0; i < options.mutations; ++i) {
    std::vector<uint8_t> damaged = model;
    if (i % 3 == 2) {
      MutateBytes(&random, &damaged);
    } else {
      MutateStructure(sites, &random, &damaged);
      ++tally.structural;
    }
    RunTimed(damaged, options, &random, &tally);
  }
  return Report(options, tally, sites.size()) ? 0 : 1;
}

}  // namespace
}  // namespace fuzz
}  // namespace biotrain

int main(int argc, char** argv) { return biotrain::fuzz::Main(argc, argv); }
