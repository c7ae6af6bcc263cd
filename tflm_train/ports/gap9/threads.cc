// SPDX-License-Identifier: Apache-2.0
// A thread for each core of the cluster: what two cores do to the same bytes
// without order is a race that ThreadSanitizer finds.
#include <thread>

#include "tflm_train/ports/gap9/cluster.h"
#include "tflm_train/ports/gap9/copy_block.h"

namespace biotrain {
namespace gap9 {
namespace {

void Fork(int cores, void (*body)(void* argument, int core), void* argument) {
  std::thread threads[kCores];
  for (int core = 1; core < cores; ++core) {
    threads[core] = std::thread(body, argument, core);
  }
  body(argument, 0);
  for (int core = 1; core < cores; ++core) threads[core].join();
}

constexpr Cluster kCluster = CopyingCluster(Fork);

}  // namespace

const Cluster& ThisCluster() { return kCluster; }

}  // namespace gap9
}  // namespace biotrain
