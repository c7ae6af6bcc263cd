// SPDX-License-Identifier: Apache-2.0
// One op on a cluster: tiles of it, in the fast memory, on all cores.
#ifndef TFLM_TRAIN_CLUSTER_TILED_OP_H_
#define TFLM_TRAIN_CLUSTER_TILED_OP_H_

#include "tflm_train/cluster/slicing.h"
#include "tflm_train/micro/op_context.h"
#include "tflm_train/ports/gap9/cluster.h"

namespace biotrain {

using RunOp = void (*)(OpContext& op);

// How a slicing is spread over a cluster: each sample in turn, and its units in
// tiles, core by core.
struct Tiling {
  int cores = 0;
  int32_t units = 0;  // of a tile; the last one may have fewer
  int32_t tiles = 0;  // of a sample
  // A second place for a core's inputs, filled while it computes on the first.
  int slots = 0;
  bool far = false;          // what all tiles of a sample see stays in L2
  int32_t shared_bytes = 0;  // of it in L1
  int32_t own_bytes = 0;     // of a core's workspaces
  int32_t slot_bytes = 0;
};

// What the converter has planned for an op: tiles of so many units, on so many
// cores, with so many places for the inputs of each.
struct TilePlan {
  int16_t subgraph;
  int16_t op;
  CutBy by;
  int8_t cores;
  int8_t slots;
  bool far;
  int32_t units;
};

struct TileTable {
  const TilePlan* plans;
  int count;
};

// The plans for the model of this program, as `biotrain convert --target gap9`
// writes them. A program without has those of no_plans.cc: none.
extern const TileTable kProgramTiles;

// The tiling of a plan; false if the op or the cluster is not what it was made
// for.
bool ObeyPlan(const TilePlan& plan, const Slicing& slicing, int cores,
              int32_t l1_bytes, Tiling* tiling);

// Where there is no plan: all in L1 rather than not, then the most cores, then
// the largest tiles that l1_bytes allow; false if not even one unit on one core
// fits.
bool ChooseTiling(const Slicing& slicing, int cores, int32_t l1_bytes,
                  Tiling* tiling);

// As run(op) does, in tiles where that is possible, otherwise by one core, in
// the fast memory or, where an op does not fit that, outside. Each tile
// has all of every sum it computes, whoever chose it.
void RunTiled(OpContext& op, RunOp run, const char* name,
              const TileTable& plans, const gap9::Cluster& cluster);

}  // namespace biotrain

#endif  // TFLM_TRAIN_CLUSTER_TILED_OP_H_
