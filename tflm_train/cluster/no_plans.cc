// SPDX-License-Identifier: Apache-2.0
// Of a program whose model brings no plans.
#include "tflm_train/cluster/tiled_op.h"

namespace biotrain {

extern const TileTable kProgramTiles = {nullptr, 0};

}  // namespace biotrain
