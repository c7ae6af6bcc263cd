// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/fuzz/mutate.h"

#include <cstring>

#include "tflm_train/micro/flatbuffer.h"
#include "tflm_train/micro/schema.h"

namespace biotrain {
namespace fuzz {
namespace {

constexpr int kOptionFields = 8;

// Walks the model with the runner's own reader and notes where numbers are.
class Walker {
 public:
  Walker(Span<const uint8_t> model, std::vector<Site>* sites)
      : root_(Table::Root(model, schema::kIdentifier)), sites_(sites) {}

  void Walk() {
    const uint32_t plan_buffer = WalkMetadata();
    const TableVector codes = Vector(root_, schema::model::kOperatorCodes);
    for (int32_t i = 0; i < codes.size(); ++i) {
      Field(codes[i], schema::op_code::kDeprecatedBuiltinCode, 1,
            SiteKind::kBuiltinCode);
      Field(codes[i], schema::op_code::kBuiltinCode, 4, SiteKind::kBuiltinCode);
    }
    const TableVector buffers = Vector(root_, schema::model::kBuffers);
    for (int32_t i = 0; i < buffers.size(); ++i) {
      const bool plan = static_cast<uint32_t>(i) == plan_buffer;
      Elements(buffers[i], schema::buffer::kData, plan ? 4 : 0,
               SiteKind::kPlanWord);
    }
    const TableVector subgraphs = Vector(root_, schema::model::kSubgraphs);
    for (int32_t i = 0; i < subgraphs.size(); ++i) WalkSubgraph(subgraphs[i]);
    const TableVector signatures = Vector(root_, schema::model::kSignatureDefs);
    for (int32_t i = 0; i < signatures.size(); ++i) {
      WalkSignature(signatures[i]);
    }
  }

 private:
  uint32_t WalkMetadata() {
    uint32_t plan_buffer = UINT32_MAX;
    const TableVector entries = Vector(root_, schema::model::kMetadata);
    for (int32_t i = 0; i < entries.size(); ++i) {
      Field(entries[i], schema::metadata::kBuffer, 4, SiteKind::kBufferIndex);
      if (entries[i].String(schema::metadata::kName).Equals("biotrain_plan")) {
        plan_buffer = entries[i].Number<uint32_t>(schema::metadata::kBuffer);
      }
    }
    return plan_buffer;
  }

  void WalkSubgraph(const Table& subgraph) {
    const TableVector tensors = Vector(subgraph, schema::subgraph::kTensors);
    for (int32_t i = 0; i < tensors.size(); ++i) {
      Elements(tensors[i], schema::tensor::kShape, 4, SiteKind::kDim);
      Field(tensors[i], schema::tensor::kType, 1, SiteKind::kType);
      Field(tensors[i], schema::tensor::kBuffer, 4, SiteKind::kBufferIndex);
    }
    const TableVector ops = Vector(subgraph, schema::subgraph::kOperators);
    for (int32_t i = 0; i < ops.size(); ++i) {
      Field(ops[i], schema::op::kOpcodeIndex, 4, SiteKind::kOpcodeIndex);
      Elements(ops[i], schema::op::kInputs, 4, SiteKind::kTensorIndex);
      Elements(ops[i], schema::op::kOutputs, 4, SiteKind::kTensorIndex);
      Elements(ops[i], schema::op::kCustomOptions, 1, SiteKind::kFlexByte);
      const Table options = ops[i].Child(schema::op::kBuiltinOptions);
      for (int field = 0; options.present() && field < kOptionFields; ++field) {
        const bool wide = options.FieldPosition(field, 4) != 0;
        Field(options, field, wide ? 4 : 1, SiteKind::kOption);
      }
    }
  }

  void WalkSignature(const Table& signature) {
    Field(signature, schema::signature::kSubgraphIndex, 4,
          SiteKind::kSignature);
    for (const int side :
         {schema::signature::kInputs, schema::signature::kOutputs}) {
      const TableVector entries = Vector(signature, side);
      for (int32_t i = 0; i < entries.size(); ++i) {
        Field(entries[i], schema::tensor_map::kTensorIndex, 4,
              SiteKind::kSignature);
      }
    }
  }

  void Field(const Table& table, int field, uint8_t bytes, SiteKind kind) {
    const uint32_t position = table.FieldPosition(field, bytes);
    if (position != 0) Add(kind, position, bytes);
  }

  // The offset to a vector, its length, and unless `bytes` is 0 its elements.
  void Elements(const Table& table, int field, uint8_t bytes, SiteKind kind) {
    const uint32_t target = table.Target(field);
    if (target == 0) return;
    Field(table, field, 4, SiteKind::kOffset);
    Add(SiteKind::kLength, target, 4);
    if (bytes == 0) return;
    size_t count = table.Bytes(field).size();  // the plan's words are bytes
    if (kind == SiteKind::kPlanWord) {
      count /= 4;
    } else if (bytes == 4) {
      count = table.Ints(field).size();
    }
    for (size_t i = 0; i < count; ++i) {
      Add(kind, static_cast<uint32_t>(target + 4 + i * bytes), bytes);
    }
  }

  TableVector Vector(const Table& table, int field) {
    const uint32_t target = table.Target(field);
    if (target == 0) return {};
    Field(table, field, 4, SiteKind::kOffset);
    Add(SiteKind::kLength, target, 4);
    const TableVector vector = table.Tables(field);
    for (int32_t i = 0; i < vector.size(); ++i) {
      Add(SiteKind::kOffset, static_cast<uint32_t>(target + 4 + i * 4), 4);
    }
    return vector;
  }

  void Add(SiteKind kind, uint32_t position, uint8_t bytes) {
    sites_[static_cast<int>(kind)].push_back({position, bytes});
  }

  const Table root_;
  std::vector<Site>* const sites_;
};

// Numbers that are wrong in interesting ways.
constexpr int32_t kValues[] = {
    0,       1,     2,     3,          4,         7,          8,
    16,      17,    31,    64,         127,       128,        255,
    256,     1024,  4096,  65535,      65536,     1 << 20,    1 << 28,
    1 << 30, -1,    -2,    -16,        INT32_MAX, INT32_MIN,  INT32_MAX - 1,
    1000,    46341, 92682, 0x55555555, 0x7fffff,  0x20000000, -65536};

int32_t OtherValue(int32_t old, Random* random) {
  switch (random->Below(6)) {
    case 0:
      return static_cast<int32_t>(uint32_t(old) + 1);
    case 1:
      return static_cast<int32_t>(uint32_t(old) - 1);
    case 2:
      return static_cast<int32_t>(uint32_t(old) * 2);
    case 3:
      return old / 2;
    default:
      return kValues[random->Below(sizeof kValues / sizeof kValues[0])];
  }
}

}  // namespace

SiteMap::SiteMap(Span<const uint8_t> model) { Walker(model, sites_).Walk(); }

size_t SiteMap::size() const {
  size_t size = 0;
  for (const std::vector<Site>& sites : sites_) size += sites.size();
  return size;
}

void MutateStructure(const SiteMap& sites, Random* random,
                     std::vector<uint8_t>* model) {
  // A single wrong number gets further than several do.
  const uint32_t count = random->Below(2) == 0 ? 1 : 1 + random->Below(4);
  for (uint32_t i = 0; i < count; ++i) {
    const std::vector<Site>& kind =
        sites.at(static_cast<SiteKind>(random->Below(kSiteKinds)));
    if (kind.empty()) continue;
    const Site& site = kind[random->Below(kind.size())];
    int32_t value = 0;
    std::memcpy(&value, model->data() + site.position, site.bytes);
    if (random->Below(2) == 0) {
      // A number that means something elsewhere gets furthest.
      const Site& other = kind[random->Below(kind.size())];
      std::memcpy(&value, model->data() + other.position, other.bytes);
    } else {
      value = OtherValue(value, random);
    }
    std::memcpy(model->data() + site.position, &value, site.bytes);
  }
}

void MutateBytes(Random* random, std::vector<uint8_t>* model) {
  const size_t size = model->size();
  const uint32_t count = 1 + random->Below(8);
  switch (random->Below(4)) {
    case 0:
      for (uint32_t i = 0; i < count; ++i) {
        (*model)[random->Below(size)] ^= 1u << random->Below(8);
      }
      break;
    case 1:
      for (uint32_t i = 0; i < count; ++i) {
        (*model)[random->Below(size)] = static_cast<uint8_t>(random->Next());
      }
      break;
    case 2: {
      const uint32_t bytes = 1 + random->Below(size < 256 ? size : 256);
      const uint32_t from = random->Below(size - bytes + 1);
      const uint32_t to = random->Below(size - bytes + 1);
      std::memmove(model->data() + to, model->data() + from, bytes);
      break;
    }
    default:
      model->resize(random->Below(size));
      break;
  }
}

}  // namespace fuzz
}  // namespace biotrain
