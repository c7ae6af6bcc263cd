// SPDX-License-Identifier: Apache-2.0
// The cores in turn, on the host, and what the DMA moves counted: at its end
// the program writes the sums to the file that BIOTRAIN_DMA_COUNTS names.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tflm_train/ports/gap9/cluster.h"
#include "tflm_train/ports/gap9/copy_block.h"

namespace biotrain {
namespace gap9 {
namespace {

struct Counts {
  int64_t bytes = 0;
  int64_t transfers = 0;
  int64_t forks = 0;

  ~Counts() {
    const char* const path = getenv("BIOTRAIN_DMA_COUNTS");
    FILE* const file = path == nullptr ? nullptr : fopen(path, "w");
    if (file == nullptr) return;
    fprintf(file,
            "{\"bytes\": %" PRId64 ", \"transfers\": %" PRId64
            ", \"forks\": %" PRId64 "}\n",
            bytes, transfers, forks);
    fclose(file);
  }
};

Counts counts;

void Fork(int cores, void (*body)(void* argument, int core), void* argument) {
  ++counts.forks;
  for (int core = 0; core < cores; ++core) body(argument, core);
}

Transfer CountedCopy(const Block& block) {
  ++counts.transfers;
  counts.bytes += int64_t{block.rows} * block.row_bytes;
  return CopyBlock(block);
}

constexpr Cluster kCluster = CopyingCluster(Fork, CountedCopy);

}  // namespace

const Cluster& ThisCluster() { return kCluster; }

}  // namespace gap9
}  // namespace biotrain
