// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/cluster/tiled_op.h"

#include "tflm_train/cluster/staged_op.h"

namespace biotrain {
namespace {

constexpr int kMostTensors = kMostInputs + kMostOutputs;

int32_t Aligned(int32_t bytes) { return (bytes + 15) / 16 * 16; }

// What a tile of so many units has of a tensor.
int32_t TileBytes(const Slicing& slicing, const SlicedTensor& tensor,
                  int32_t units) {
  const Cut cut = CutOf(tensor, slicing);
  return cut.runs * cut.unit_bytes * units;
}

int32_t SlotBytes(const Slicing& slicing, int32_t units) {
  int32_t bytes = 0;
  for (int i = 0; i < slicing.count; ++i) {
    const SlicedTensor& tensor = slicing.tensors[i];
    if (tensor.has_units()) {
      bytes += Aligned(TileBytes(slicing, tensor, units));
    }
  }
  return bytes;
}

int32_t WholeBytes(const SlicedTensor& tensor, int32_t samples) {
  return tensor.axes.samples >= 0 ? tensor.whole.bytes / samples
                                  : tensor.whole.bytes;
}

// The most units whose slot has at most so many bytes.
int32_t UnitsIn(const Slicing& slicing, int32_t most, int32_t bytes) {
  int32_t low = 0;
  int32_t high = most;
  while (low < high) {
    const int32_t middle = low + (high - low + 1) / 2;
    if (SlotBytes(slicing, middle) <= bytes) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

// What the cores work on together. Each writes only its own status.
class TiledRun {
 public:
  TiledRun(OpContext& op, RunOp run, const gap9::Cluster& cluster,
           const Slicing& slicing, const Tiling& tiling)
      : op_(op),
        run_(run),
        cluster_(cluster),
        slicing_(slicing),
        tiling_(tiling) {}

  void RunSample(int32_t sample) {
    sample_ = sample;
    int32_t at = 0;
    for (int i = 0; i < slicing_.count; ++i) {
      const SlicedTensor& tensor = slicing_.tensors[i];
      if (tensor.has_units() || tensor.is_own()) continue;
      const int32_t bytes = WholeBytes(tensor, slicing_.samples);
      uint8_t* const there = tensor.whole.data + sample * SampleBytes(i);
      shared_[i] = tiling_.far ? there : cluster_.l1 + at;
      at += Aligned(bytes);
      if (tiling_.far || IsThere(tensor)) continue;
      cluster_.wait(
          cluster_.start({shared_[i], there, 1, bytes, bytes, bytes}));
    }
    cluster_.fork(tiling_.cores, RunCore, this);
  }

  const Status& status(int core) const { return statuses_[core]; }

 private:
  static void RunCore(void* self, int core) {
    static_cast<TiledRun*>(self)->RunTilesOf(core);
  }

  int32_t SampleBytes(int tensor) const {
    return CutOf(slicing_.tensors[tensor], slicing_).sample_bytes;
  }

  // Whether the last sample has left it in L1.
  bool IsThere(const SlicedTensor& tensor) const {
    return sample_ > 0 && tensor.axes.samples < 0;
  }

  int32_t FirstUnit(int32_t tile) const { return tile * tiling_.units; }
  int32_t UnitsOf(int32_t tile) const {
    const int32_t left = slicing_.units - FirstUnit(tile);
    return left < tiling_.units ? left : tiling_.units;
  }

  uint8_t* CoreMemory(int core) const {
    return cluster_.l1 + tiling_.shared_bytes +
           core * (tiling_.own_bytes + tiling_.slots * tiling_.slot_bytes);
  }

  // Where tensor i of a tile is in L2 and in a slot, whichever it goes to.
  gap9::Block BlockOf(int i, int32_t tile, uint8_t* place, bool out) const {
    const SlicedTensor& tensor = slicing_.tensors[i];
    const Cut cut = CutOf(tensor, slicing_);
    uint8_t* const far = tensor.whole.data + sample_ * cut.sample_bytes +
                         FirstUnit(tile) * cut.unit_bytes;
    const int32_t row = UnitsOf(tile) * cut.unit_bytes;
    if (out) return {far, place, cut.runs, row, cut.run_pitch, row};
    return {place, far, cut.runs, row, row, cut.run_pitch};
  }

  // Calls visit(tensor, its place in the slot).
  template <typename Visit>
  void ForEachInSlot(uint8_t* slot, const Visit& visit) const {
    for (int i = 0; i < slicing_.count; ++i) {
      const SlicedTensor& tensor = slicing_.tensors[i];
      if (!tensor.has_units()) continue;
      visit(i, slot);
      slot += Aligned(TileBytes(slicing_, tensor, tiling_.units));
    }
  }

  struct Inputs {
    gap9::Transfer transfers[kMostTensors];
    int count = 0;
  };

  void Fetch(int32_t tile, uint8_t* slot, Inputs* inputs) const {
    inputs->count = 0;
    ForEachInSlot(slot, [&](int i, uint8_t* place) {
      if (slicing_.tensors[i].is_output) return;
      // A core that has one tile has the same one of every sample.
      if (tiling_.tiles <= tiling_.cores && IsThere(slicing_.tensors[i])) {
        return;
      }
      inputs->transfers[inputs->count++] =
          cluster_.start(BlockOf(i, tile, place, /*out=*/false));
    });
  }

  void RunTilesOf(int core) {
    uint8_t* const own = CoreMemory(core);
    uint8_t* const slots = own + tiling_.own_bytes;
    Inputs inputs[2];
    int slot = 0;
    if (core < tiling_.tiles) Fetch(core, slots, &inputs[0]);
    for (int32_t tile = core; tile < tiling_.tiles; tile += tiling_.cores) {
      uint8_t* const here = slots + slot * tiling_.slot_bytes;
      for (int i = 0; i < inputs[slot].count; ++i) {
        cluster_.wait(inputs[slot].transfers[i]);
      }
      const int32_t next = tile + tiling_.cores;
      const int next_slot = tiling_.slots == 2 ? 1 - slot : 0;
      if (next_slot != slot && next < tiling_.tiles) {
        Fetch(next, slots + next_slot * tiling_.slot_bytes, &inputs[next_slot]);
      }
      RunTile(core, tile, own, here);
      if (next_slot == slot && next < tiling_.tiles) {
        Fetch(next, slots, &inputs[slot]);
      }
      slot = next_slot;
    }
  }

  void RunTile(int core, int32_t tile, uint8_t* own, uint8_t* slot) {
    Tensor tensors[kMostTensors];
    for (int i = 0; i < slicing_.count; ++i) {
      const SlicedTensor& tensor = slicing_.tensors[i];
      tensors[i] = tensor.whole;
      if (tensor.is_own()) {
        tensors[i].data = own;
        own += Aligned(tensor.whole.bytes);
      } else if (!tensor.has_units()) {
        tensors[i].data = shared_[i];
        SetDim(tensor.axes.samples, 1, &tensors[i]);
      }
    }
    ForEachInSlot(slot, [&](int i, uint8_t* place) {
      tensors[i].data = place;
      SetDim(slicing_.tensors[i].axes.samples, 1, &tensors[i]);
      const int axis = slicing_.tensors[i].axes.units;
      const int32_t each = tensors[i].dims[axis] / slicing_.units;
      SetDim(axis, each * UnitsOf(tile), &tensors[i]);
    });
    OpContext op = op_;
    op.set_tensors(tensors);
    run_(op);
    if (!op.ok()) statuses_[core] = op.status();
    ForEachInSlot(slot, [&](int i, uint8_t* place) {
      if (!slicing_.tensors[i].is_output) return;
      cluster_.wait(cluster_.start(BlockOf(i, tile, place, /*out=*/true)));
    });
  }

  static void SetDim(int axis, int32_t size, Tensor* tensor) {
    if (axis < 0) return;
    tensor->elements = tensor->elements / tensor->dims[axis] * size;
    tensor->bytes = tensor->bytes / tensor->dims[axis] * size;
    tensor->dims[axis] = size;
  }

  OpContext& op_;
  const RunOp run_;
  const gap9::Cluster& cluster_;
  const Slicing& slicing_;
  const Tiling& tiling_;
  int32_t sample_ = 0;
  uint8_t* shared_[kMostTensors] = {};
  Status statuses_[gap9::kCores] = {};
};

// What does not depend on the tiles.
Tiling WithoutTiles(const Slicing& slicing, bool far) {
  Tiling tiling;
  tiling.far = far;
  for (int i = 0; i < slicing.count; ++i) {
    const SlicedTensor& tensor = slicing.tensors[i];
    if (tensor.is_own()) {
      tiling.own_bytes += Aligned(tensor.whole.bytes);
    } else if (!tensor.has_units() && !far) {
      tiling.shared_bytes += Aligned(WholeBytes(tensor, slicing.samples));
    }
  }
  return tiling;
}

void SetUnits(const Slicing& slicing, int32_t units, Tiling* tiling) {
  tiling->units = units;
  tiling->tiles = (slicing.units + units - 1) / units;
  tiling->slot_bytes = SlotBytes(slicing, units);
}

// nullptr: there is none for this op.
const TilePlan* FindPlan(const OpContext& op, const TileTable& plans) {
  for (int i = 0; i < plans.count; ++i) {
    const TilePlan& plan = plans.plans[i];
    if (plan.op != op.op_index()) continue;
    Subgraph subgraph;
    const Status found = op.model().GetSubgraph(plan.subgraph, &subgraph);
    // No two subgraphs have their offsets in one place.
    if (found.ok() && subgraph.offsets.data() == op.subgraph().offsets.data()) {
      return &plan;
    }
  }
  return nullptr;
}

// By the plan if there is one that can be obeyed; false: it has to run whole.
bool TileOp(OpContext& op, const SlicingRule& rule, const TileTable& plans,
            const gap9::Cluster& cluster, Slicing* slicing, Tiling* tiling) {
  const TilePlan* const plan = FindPlan(op, plans);
  if (plan != nullptr && SliceOp(op, rule, plan->by, slicing) &&
      ObeyPlan(*plan, *slicing, cluster.cores, cluster.l1_bytes, tiling)) {
    return true;
  }
  *slicing = {};
  return SliceOp(op, rule, CutBy::kUnits, slicing) &&
         ChooseTiling(*slicing, cluster.cores, cluster.l1_bytes, tiling);
}

}  // namespace

bool ObeyPlan(const TilePlan& plan, const Slicing& slicing, int cores,
              int32_t l1_bytes, Tiling* tiling) {
  if (plan.cores < 1 || plan.cores > cores || plan.slots < 1 ||
      plan.slots > 2 || plan.units < 1 || plan.units > slicing.units) {
    return false;
  }
  *tiling = WithoutTiles(slicing, plan.far);
  tiling->cores = plan.cores;
  tiling->slots = plan.slots;
  SetUnits(slicing, plan.units, tiling);
  const int64_t bytes =
      tiling->shared_bytes +
      int64_t{tiling->cores} *
          (tiling->own_bytes + int64_t{tiling->slots} * tiling->slot_bytes);
  return bytes <= l1_bytes;
}

namespace {

bool Fill(const Slicing& slicing, int cores, int32_t l1_bytes, bool far,
          Tiling* tiling) {
  *tiling = WithoutTiles(slicing, far);
  const int32_t left = l1_bytes - tiling->shared_bytes;
  for (int used = cores < slicing.units ? cores : slicing.units; used > 0;
       --used) {
    const int32_t bytes = left / used / 16 * 16 - tiling->own_bytes;
    // As many units for each core, if there is room for them.
    const int32_t fair = (slicing.units + used - 1) / used;
    int32_t units = UnitsIn(slicing, fair, bytes);
    if (units == 0) continue;
    tiling->slots = 1;
    if (units < fair) {
      const int32_t twice = UnitsIn(slicing, fair, bytes / 2 / 16 * 16);
      if (twice > 0) {
        units = twice;
        tiling->slots = 2;
      }
    }
    tiling->cores = used;
    SetUnits(slicing, units, tiling);
    return true;
  }
  return false;
}

}  // namespace

bool ChooseTiling(const Slicing& slicing, int cores, int32_t l1_bytes,
                  Tiling* tiling) {
  return Fill(slicing, cores, l1_bytes, /*far=*/false, tiling) ||
         Fill(slicing, cores, l1_bytes, /*far=*/true, tiling);
}

void RunTiled(OpContext& op, RunOp run, const char* name,
              const TileTable& plans, const gap9::Cluster& cluster) {
  // Each of them has a place for its status.
  if (!op.Expect(cluster.cores <= gap9::kCores, StatusCode::kBadArgument,
                 "cores", gap9::kCores, cluster.cores)) {
    return;
  }
  const SlicingRule* const rule =
      op.check_only() ? nullptr : FindSlicingRule(name);
  Slicing slicing;
  Tiling tiling;
  if (rule == nullptr ||
      !TileOp(op, *rule, plans, cluster, &slicing, &tiling)) {
    if (op.check_only() || !RunStaged(op, run, name, cluster)) run(op);
    return;
  }
  TiledRun tiled(op, run, cluster, slicing, tiling);
  for (int32_t sample = 0; sample < slicing.samples; ++sample) {
    tiled.RunSample(sample);
  }
  for (int core = 0; core < tiling.cores; ++core) {
    if (op.ok()) op.status() = tiled.status(core);
  }
}

}  // namespace biotrain
