// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/cluster/tiled_op.h"

#include "tflm_train/testing/micro_test.h"

namespace biotrain {
namespace {

Tensor Floats(int rank, const int32_t (&dims)[4]) {
  Tensor tensor;
  tensor.rank = rank;
  tensor.elements = 1;
  for (int d = 0; d < rank; ++d) {
    tensor.dims[d] = dims[d];
    tensor.elements *= dims[d];
  }
  tensor.bytes = tensor.elements * static_cast<int32_t>(sizeof(float));
  return tensor;
}

// x [2,3,4,5] by samples and channels, w [3,1,1,7] by filters, and a workspace.
Slicing SomeSlicing() {
  Slicing slicing;
  slicing.tensors[0] = {Floats(4, {2, 3, 4, 5}), {0, 1}, false};
  slicing.tensors[1] = {Floats(4, {3, 1, 1, 7}), {kWhole, 0}, false};
  slicing.tensors[2] = {Floats(1, {10, 1, 1, 1}), {kWhole, kOwn}, true};
  slicing.tensors[3] = {Floats(1, {6, 1, 1, 1}), {kWhole, kWhole}, false};
  slicing.count = 4;
  slicing.samples = 2;
  slicing.units = 3;
  return slicing;
}

void TestCuts(TestContext& test) {
  const Slicing slicing = SomeSlicing();
  const Cut lines = CutOf(slicing.tensors[0], slicing);
  test.Expect(lines.runs == 1 && lines.unit_bytes == 80 &&
                  lines.run_pitch == 240 && lines.sample_bytes == 240,
              "lines of a sample lie together");
  SlicedTensor channels = slicing.tensors[0];
  channels.axes.samples = kWhole;
  const Cut all = CutOf(channels, slicing);
  test.Expect(all.runs == 2 && all.unit_bytes == 80 && all.run_pitch == 240 &&
                  all.sample_bytes == 0,
              "a channel of all samples has a run in each");
  const Cut filters = CutOf(slicing.tensors[1], slicing);
  test.Expect(filters.runs == 1 && filters.unit_bytes == 28, "filters");
}

// Every byte of a tiling, computed apart from it.
int32_t BytesOf(const Tiling& tiling) {
  return tiling.shared_bytes +
         tiling.cores * (tiling.own_bytes + tiling.slots * tiling.slot_bytes);
}

void TestTilingsFit(TestContext& test) {
  const Slicing slicing = SomeSlicing();
  int fitting = 0;
  for (int32_t l1 = 0; l1 <= 1024; l1 += 16) {
    for (int cores = 1; cores <= gap9::kCores; ++cores) {
      Tiling tiling;
      if (!ChooseTiling(slicing, cores, l1, &tiling)) continue;
      ++fitting;
      test.Expect(BytesOf(tiling) <= l1, "in L1");
      test.Expect(tiling.cores <= cores && tiling.cores <= slicing.units,
                  "cores");
      test.Expect(tiling.units * tiling.tiles >= slicing.units &&
                      tiling.units * (tiling.tiles - 1) < slicing.units,
                  "every unit is in one tile");
      test.Expect(tiling.slot_bytes % 16 == 0 && tiling.own_bytes % 16 == 0,
                  "aligned");
    }
  }
  test.Expect(fitting > 100, "some fit");
  Tiling tiling;
  test.Expect(!ChooseTiling(slicing, 8, 64, &tiling), "nothing fits in 64 B");
  test.Expect(ChooseTiling(slicing, 8, 1024, &tiling) && tiling.cores == 3 &&
                  tiling.tiles == 3 && tiling.units == 1,
              "a core for each unit where there is room");
  test.Expect(ChooseTiling(slicing, 8, 208, &tiling) && tiling.cores == 1,
              "one core where there is none");
}

void TestPlansAreObeyedWithinReason(TestContext& test) {
  const Slicing slicing = SomeSlicing();
  const TilePlan good = {0, 0, CutBy::kUnits, 2, 1, false, 1};
  Tiling tiling;
  test.Expect(ObeyPlan(good, slicing, 8, 1024, &tiling) && tiling.cores == 2 &&
                  tiling.units == 1 && tiling.tiles == 3 && tiling.slots == 1,
              "as planned");
  const int32_t needed = BytesOf(tiling);
  test.Expect(ObeyPlan(good, slicing, 8, needed, &tiling), "to the last byte");
  test.Expect(!ObeyPlan(good, slicing, 8, needed - 1, &tiling), "not beyond");
  test.Expect(!ObeyPlan(good, slicing, 1, 1024, &tiling), "cores");
  TilePlan bad = good;
  bad.far = true;
  test.Expect(ObeyPlan(bad, slicing, 8, 1024, &tiling) &&
                  tiling.shared_bytes == 0 && BytesOf(tiling) == needed - 32,
              "what is far takes no L1");
  bad = good;
  bad.units = 4;
  test.Expect(!ObeyPlan(bad, slicing, 8, 1024, &tiling), "more than there are");
  bad.units = 0;
  test.Expect(!ObeyPlan(bad, slicing, 8, 1024, &tiling), "none");
  bad = good;
  bad.slots = 3;
  test.Expect(!ObeyPlan(bad, slicing, 8, 1024, &tiling), "slots");
  bad.slots = 0;
  test.Expect(!ObeyPlan(bad, slicing, 8, 1024, &tiling), "no slot");
}

void TestRules(TestContext& test) {
  test.Expect(FindSlicingRule("BiotrainConv2D") != nullptr, "a rule");
  test.Expect(FindSlicingRule("BiotrainConv2DGrad") == nullptr, "whole names");
  test.Expect(FindSlicingRule("MUL") == FindSlicingRule("ADD"),
              "elementwise ops share one");
  test.Expect(FindSlicingRule("SUM") == nullptr, "no sum is split");
}

constexpr TestCase kTests[] = {
    {"cluster_cuts", TestCuts},
    {"cluster_tilings_fit", TestTilingsFit},
    {"cluster_plans", TestPlansAreObeyedWithinReason},
    {"cluster_rules", TestRules}};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
