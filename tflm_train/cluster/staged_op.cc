// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/cluster/staged_op.h"

#include "tflm_train/cluster/slicing.h"
#include "tflm_train/micro/op_table.h"

namespace biotrain {
namespace {

// They write every element of their outputs, and compute enough to be worth
// the copies. Besides them, those that can be cut, where a tensor is too small.
constexpr const char* kStagedOps[] = {
    "BATCH_MATMUL",    "LOG_SOFTMAX",          "MEAN", "SOFTMAX", "SUM",
    "BiotrainDropout", "BiotrainGroupNormGrad"};

bool MayBeStaged(const char* op) {
  for (const char* name : kStagedOps) {
    if (SameName(name, op)) return true;
  }
  return FindSlicingRule(op) != nullptr;
}

int32_t Aligned(int32_t bytes) { return (bytes + 15) / 16 * 16; }

void Copy(const gap9::Cluster& cluster, uint8_t* to, const uint8_t* from,
          int32_t bytes) {
  cluster.wait(cluster.start({to, from, 1, bytes, bytes, bytes}));
}

}  // namespace

bool RunStaged(OpContext& op, RunOp run, const char* name,
               const gap9::Cluster& cluster) {
  const int inputs = op.inputs();
  const int count = inputs + op.outputs();
  if (!MayBeStaged(name) || inputs > kMostInputs ||
      op.outputs() > kMostOutputs) {
    return false;
  }
  Tensor far[kMostInputs + kMostOutputs];
  Tensor near[kMostInputs + kMostOutputs];
  int64_t bytes = 0;
  for (int i = 0; i < count; ++i) {
    if (i < inputs && !op.HasInput(i)) continue;
    far[i] = i < inputs ? op.InputOfAnyType(i) : op.OutputOfAnyType(i - inputs);
    near[i] = far[i];
    if (bytes <= cluster.l1_bytes) near[i].data = cluster.l1 + bytes;
    bytes += Aligned(far[i].bytes);
  }
  if (!op.ok() || bytes > cluster.l1_bytes) return false;
  for (int i = 0; i < inputs; ++i) {
    if (far[i].bytes > 0) {
      Copy(cluster, near[i].data, far[i].data, far[i].bytes);
    }
  }
  op.set_tensors(near);
  run(op);
  op.set_tensors(nullptr);
  for (int i = inputs; i < count; ++i) {
    Copy(cluster, far[i].data, near[i].data, far[i].bytes);
  }
  return true;
}

}  // namespace biotrain
