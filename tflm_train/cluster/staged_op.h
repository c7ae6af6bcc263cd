// SPDX-License-Identifier: Apache-2.0
// One op by one core, in the fast memory.
#ifndef TFLM_TRAIN_CLUSTER_STAGED_OP_H_
#define TFLM_TRAIN_CLUSTER_STAGED_OP_H_

#include "tflm_train/cluster/tiled_op.h"
#include "tflm_train/micro/op_context.h"
#include "tflm_train/ports/gap9/cluster.h"

namespace biotrain {

// As run(op) does, on copies of all its tensors; false, and nothing is done,
// where `name` has not been listed for it or its tensors do not fit.
bool RunStaged(OpContext& op, RunOp run, const char* name,
               const gap9::Cluster& cluster);

}  // namespace biotrain

#endif  // TFLM_TRAIN_CLUSTER_STAGED_OP_H_
