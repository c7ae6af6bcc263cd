// SPDX-License-Identifier: Apache-2.0
// The host's runner: the same session over stdin and stdout.
//   runner MODEL.tflite [ARENA_BYTES [SAMPLES.bin]]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "tflm_train/app/line.h"
#include "tflm_train/app/session.h"
#include "tflm_train/ports/host/read_file.h"

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr,
                 "usage: runner MODEL.tflite [ARENA_BYTES [SAMPLES]]\n");
    return 2;
  }
  std::vector<uint8_t> model;
  if (!biotrain::ReadFile(argv[1], &model)) {
    std::fprintf(stderr, "model: cannot read %s\n", argv[1]);
    return 2;
  }
  size_t arena_bytes = 0;
  const biotrain::Status planned = biotrain::Trainer::RequiredArena(
      {model.data(), model.size()}, &arena_bytes);
  if (!planned.ok()) arena_bytes = 0;
  if (argc >= 3 && argv[2][0] != '\0')
    arena_bytes = std::strtoull(argv[2], nullptr, 10);
  constexpr size_t kAlignment = 16;
  // Whole blocks, as aligned_alloc asks; the trainer is told the true size.
  const size_t rounded = (arena_bytes / kAlignment + 1) * kAlignment;
  std::unique_ptr<void, void (*)(void*)> arena(
      std::aligned_alloc(kAlignment, rounded), std::free);

  std::vector<uint8_t> samples;
  if (argc == 4 && !biotrain::ReadFile(argv[3], &samples)) {
    std::fprintf(stderr, "samples: cannot read %s\n", argv[3]);
    return 2;
  }

  const char* slash = std::strrchr(argv[1], '/');
  const biotrain::Span<uint8_t> region(static_cast<uint8_t*>(arena.get()),
                                       arena_bytes);
  biotrain::Session session(slash == nullptr ? argv[1] : slash + 1,
                            {model.data(), model.size()}, {&region, 1},
                            {samples.data(), samples.size()});
  const bool passed = session.Run();
  biotrain::SendWord(passed ? "PASS" : "FAIL");
  return passed ? 0 : 1;
}
