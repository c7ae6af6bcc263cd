// SPDX-License-Identifier: Apache-2.0
// The table of a program that brings none of its own: every op.
#include "tflm_train/micro/ops/all_ops.h"

namespace biotrain {

extern constexpr OpTable kProgramOps(all_ops::kAllOps,
                                     sizeof all_ops::kAllOps /
                                         sizeof all_ops::kAllOps[0]);

}  // namespace biotrain
