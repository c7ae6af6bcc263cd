// SPDX-License-Identifier: Apache-2.0
// Field ids of the TFLite schema (version 3), for the tables the runner reads.
#ifndef TFLM_TRAIN_MICRO_SCHEMA_H_
#define TFLM_TRAIN_MICRO_SCHEMA_H_

#include <cstdint>

namespace biotrain {
namespace schema {

constexpr char kIdentifier[] = "TFL3";
constexpr uint32_t kVersion = 3;

namespace model {
enum Field {
  kVersion = 0,
  kOperatorCodes = 1,
  kSubgraphs = 2,
  kBuffers = 4,
  kMetadata = 6,
  kSignatureDefs = 7,
};
}
namespace subgraph {
enum Field { kTensors = 0, kInputs = 1, kOutputs = 2, kOperators = 3 };
}
namespace tensor {
enum Field { kShape = 0, kType = 1, kBuffer = 2 };
}
namespace op {
enum Field {
  kOpcodeIndex = 0,
  kInputs = 1,
  kOutputs = 2,
  kBuiltinOptions = 4,
  kCustomOptions = 5,
};
}
namespace op_code {
enum Field { kDeprecatedBuiltinCode = 0, kCustomCode = 1, kBuiltinCode = 3 };
}
namespace buffer {
enum Field { kData = 0 };
}
namespace metadata {
enum Field { kName = 0, kBuffer = 1 };
}
namespace tensor_map {
enum Field { kName = 0, kTensorIndex = 1 };
}
namespace signature {
enum Field { kInputs = 0, kOutputs = 1, kKey = 2, kSubgraphIndex = 4 };
}

// Options of builtin operators.
namespace fully_connected {
enum Field { kActivation = 0, kWeightsFormat = 1 };
}
namespace softmax {
enum Field { kBeta = 0 };
}
namespace concatenation {
enum Field { kAxis = 0, kActivation = 1 };
}
namespace arithmetic {  // of ADD, SUB, MUL and DIV
enum Field { kActivation = 0 };
}
namespace gather {
enum Field { kAxis = 0, kBatchDims = 1 };
}
namespace reducer {
enum Field { kKeepDims = 0 };
}
namespace strided_slice {
enum Field {
  kBeginMask = 0,
  kEndMask = 1,
  kEllipsisMask = 2,
  kNewAxisMask = 3,
  kShrinkAxisMask = 4,
};
}
namespace pack {
enum Field { kAxis = 1 };
}
namespace leaky_relu {
enum Field { kAlpha = 0 };
}
namespace call_once {
enum Field { kInitSubgraphIndex = 0 };
}
namespace batch_matmul {
enum Field { kAdjX = 0, kAdjY = 1 };
}

enum class FusedActivation : int8_t { kNone = 0, kRelu = 1, kRelu6 = 3 };

}  // namespace schema
}  // namespace biotrain

#endif  // TFLM_TRAIN_MICRO_SCHEMA_H_
