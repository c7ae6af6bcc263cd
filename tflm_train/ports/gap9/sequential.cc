// SPDX-License-Identifier: Apache-2.0
// One processor that is all cores in turn.
#include "tflm_train/ports/gap9/cluster.h"
#include "tflm_train/ports/gap9/copy_block.h"

namespace biotrain {
namespace gap9 {
namespace {

void Fork(int cores, void (*body)(void* argument, int core), void* argument) {
  for (int core = 0; core < cores; ++core) body(argument, core);
}

constexpr Cluster kCluster = CopyingCluster(Fork);

}  // namespace

const Cluster& ThisCluster() { return kCluster; }

}  // namespace gap9
}  // namespace biotrain
