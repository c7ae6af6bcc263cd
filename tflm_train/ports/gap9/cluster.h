// SPDX-License-Identifier: Apache-2.0
// Several cores that share a small fast memory, as the cluster of GAP9 does.
#ifndef TFLM_TRAIN_PORTS_GAP9_CLUSTER_H_
#define TFLM_TRAIN_PORTS_GAP9_CLUSTER_H_

#include <stddef.h>
#include <stdint.h>

namespace biotrain {
namespace gap9 {

constexpr int kCores = 8;
// For tiles, of the 128 KB: Machine in converters/gap9/machine.py, which plans
// them, has the same. What is left is for the runtime and the stacks of the
// cores; stacks that are larger have to lie in L2.
constexpr int32_t kL1Bytes = 120 << 10;

// `rows` runs of `row_bytes`, so many bytes apart at either end.
struct Block {
  uint8_t* to;
  const uint8_t* from;
  int32_t rows;
  int32_t row_bytes;
  int32_t to_pitch;
  int32_t from_pitch;
};

// A copy under way.
struct Transfer {
  int32_t ticket;
};

struct Cluster {
  int cores;
  uint8_t* l1;  // [l1_bytes], aligned to 16 bytes, seen by all cores
  int32_t l1_bytes;
  // Runs body(argument, core) on the cores 0 to cores - 1, and returns when all
  // of them have.
  void (*fork)(int cores, void (*body)(void* argument, int core),
               void* argument);
  // Between L2 and L1, from any core; the bytes are there after the wait.
  Transfer (*start)(const Block& block);
  void (*wait)(Transfer transfer);
};

// The one of this machine.
const Cluster& ThisCluster();

}  // namespace gap9
}  // namespace biotrain

#endif  // TFLM_TRAIN_PORTS_GAP9_CLUSTER_H_
