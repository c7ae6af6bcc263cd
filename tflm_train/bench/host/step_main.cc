// SPDX-License-Identifier: Apache-2.0
// Trains on one batch for each byte on stdin, and says how long each step took.
//   step_timer MODEL.tflite X.bin Y.bin
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "tflm_train/micro/trainer.h"
#include "tflm_train/ports/host/read_file.h"

namespace {

using Bytes = std::vector<uint8_t>;

template <typename T>
biotrain::Span<const T> As(const Bytes& bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

int Fail(const biotrain::Status& status) {
  std::printf("error=%s what=%s\n", biotrain::StatusName(status.code),
              status.what);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Bytes model, x, y;
  if (argc != 4 || !biotrain::ReadFile(argv[1], &model) ||
      !biotrain::ReadFile(argv[2], &x) || !biotrain::ReadFile(argv[3], &y)) {
    std::fprintf(stderr, "usage: step_timer MODEL.tflite X.bin Y.bin\n");
    return 2;
  }
  const biotrain::Span<const uint8_t> file(model.data(), model.size());
  size_t arena_bytes = 0;
  biotrain::Status status =
      biotrain::Trainer::RequiredArena(file, &arena_bytes);
  constexpr size_t kAlignment = 64;
  const size_t rounded = (arena_bytes / kAlignment + 1) * kAlignment;
  std::unique_ptr<void, void (*)(void*)> arena(
      std::aligned_alloc(kAlignment, rounded), std::free);
  biotrain::Trainer trainer;
  if (status.ok()) {
    status = biotrain::Trainer::Create(
        file, {static_cast<uint8_t*>(arena.get()), arena_bytes}, &trainer,
        biotrain::Limits{INT64_MAX});
  }
  if (!status.ok()) return Fail(status);

  const bool has_labels = !trainer.TrainLabels().empty();
  while (std::getchar() != EOF) {
    float loss = 0.0f;
    const auto start = std::chrono::steady_clock::now();
    status = has_labels ? trainer.Train(As<float>(x), As<int32_t>(y), &loss)
                        : trainer.Train(As<float>(x), As<float>(y), &loss);
    const std::chrono::nanoseconds taken =
        std::chrono::steady_clock::now() - start;
    if (!status.ok()) return Fail(status);
    std::printf("step_ns=%lld loss=%.9g\n",
                static_cast<long long>(taken.count()),
                static_cast<double>(loss));
    std::fflush(stdout);
  }
  return 0;
}
