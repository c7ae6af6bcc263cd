// SPDX-License-Identifier: Apache-2.0
// The table of a program whose ops run on the cluster: linked in the place of
// the runner's own.
#include <utility>

#include "tflm_train/cluster/tiled_op.h"
#include "tflm_train/micro/ops/all_ops.h"

namespace biotrain {
namespace {

constexpr int kCount = sizeof all_ops::kAllOps / sizeof all_ops::kAllOps[0];

template <int kOp>
void RunOnCluster(OpContext& op) {
  constexpr const OpEntry& kEntry = all_ops::kAllOps[kOp];
  RunTiled(op, kEntry.run, kEntry.name, kProgramTiles, gap9::ThisCluster());
}

struct ClusteredOps {
  OpEntry entries[kCount] = {};

  template <int... kOps>
  constexpr explicit ClusteredOps(std::integer_sequence<int, kOps...>) {
    ((entries[kOps] = all_ops::kAllOps[kOps],
      entries[kOps].run = RunOnCluster<kOps>),
     ...);
  }
};

constexpr ClusteredOps kClusteredOps{std::make_integer_sequence<int, kCount>()};

}  // namespace

extern constexpr OpTable kProgramOps(kClusteredOps.entries, kCount);

}  // namespace biotrain
