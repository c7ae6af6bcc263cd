// SPDX-License-Identifier: Apache-2.0
// A plan of two regions trains as one of one region does, and a table that
// cannot be is refused.
#include "tflm_train/micro/regions.h"

#include <cstring>

#include "tflm_train/micro/dense_model_test.h"
#include "tflm_train/testing/micro_test.h"

namespace biotrain {
namespace {

constexpr int32_t kFast = 96, kLarge = 64;
// Variables and the last tensors in the first region, the others in the second.
constexpr int32_t kTable[] = {2,  3, kFast, kLarge,      32, 0,  0,
                              96, 1, -32,   kArenaBytes, 0,  -64};
constexpr int kTableWords = sizeof kTable / sizeof kTable[0];

struct Memories {
  alignas(16) uint8_t fast[kFast];
  alignas(16) uint8_t between[16];
  alignas(16) uint8_t large[kLarge];
};

DenseOptions InRegions() {
  DenseOptions options;
  options.regions = {kTable, kTableWords};
  return options;
}

void TestTrainsAsInOne(TestContext& test) {
  static Memories memories;
  std::memset(&memories, 0x5a, sizeof memories);
  Fixture& f = Fresh(InRegions());
  ExpectStatus(test, f.status, StatusCode::kOk, "one arena holds it, too");
  size_t bytes = 0;
  ExpectStatus(test, Trainer::RequiredRegion(f.file, 1, &bytes),
               StatusCode::kOk, "required");
  test.ExpectEqual(static_cast<int64_t>(bytes), kLarge, "required bytes");
  const Span<uint8_t> regions[] = {{memories.fast, kFast},
                                   {memories.large, kLarge}};
  Trainer trainer;
  ExpectStatus(test, Trainer::Create(f.file, regions, &trainer),
               StatusCode::kOk, "create");
  float here[kIn * kOut], there[kIn * kOut];
  for (int step = 0; step < 3; ++step) {
    float loss = 0.0f, other = 1.0f;
    ExpectStatus(test, f.Train(kXData, kLabels, &loss), StatusCode::kOk, "one");
    ExpectStatus(test,
                 trainer.Train({kXData, kBatch * kIn},
                               Span<const int32_t>(kLabels, kBatch), &other),
                 StatusCode::kOk, "two");
    test.ExpectSameBits(&loss, &other, 1, "loss");
  }
  ExpectStatus(test, f.Save(here), StatusCode::kOk, "save one");
  ExpectStatus(test, trainer.Save({reinterpret_cast<uint8_t*>(there), 24}),
               StatusCode::kOk, "save two");
  test.ExpectSameBits(here, there, kIn * kOut, "weights");
  test.Expect(here[0] != kInitial[0], "it has trained");
  for (const uint8_t byte : memories.between) {
    test.ExpectEqual(byte, 0x5a, "between the regions");
  }
  test.ExpectEqual(static_cast<int64_t>(trainer.Scratch().size()), kLarge,
                   "scratch");
}

void TestMemories(TestContext& test) {
  static Memories memories;
  Fixture& f = Fresh(InRegions());
  Trainer trainer;
  const Span<uint8_t> short_one[] = {{memories.fast, kFast},
                                     {memories.large, kLarge - 1}};
  ExpectStatus(test, Trainer::Create(f.file, short_one, &trainer),
               StatusCode::kArenaTooSmall, "short");
  const Span<uint8_t> odd[] = {{memories.fast, kFast},
                               {memories.large - 8, kLarge}};
  ExpectStatus(test, Trainer::Create(f.file, odd, &trainer),
               StatusCode::kArenaMisaligned, "odd");
  const Span<uint8_t> twice[] = {{memories.fast, kFast},
                                 {memories.fast, kLarge}};
  ExpectStatus(test, Trainer::Create(f.file, twice, &trainer),
               StatusCode::kBadArgument, "the same memory twice");
  const Span<uint8_t> three[] = {
      {memories.fast, kFast}, {memories.large, kLarge}, {memories.between, 16}};
  ExpectStatus(test, Trainer::Create(f.file, three, &trainer),
               StatusCode::kBadArgument, "three");
}

// Every word of the table, changed so that it cannot be.
void TestDamagedTables(TestContext& test) {
  struct Damage {
    int word;
    int32_t value;
    const char* what;
  };
  constexpr Damage kDamages[] = {
      {0, 0, "no region"},          {0, 5, "too many"},
      {1, 0, "no piece"},           {1, 1000, "too many pieces"},
      {2, 80, "fast too small"},    {3, 48, "large too small"},
      {4, 40, "odd end"},           {5, 2, "no such region"},
      {6, -16, "below its region"}, {7, 32, "an empty piece"},
      {9, -48, "large, too low"},   {10, kArenaBytes - 16, "not all of it"},
      {12, -80, "pieces overlap"},
  };
  int damaged = 0;
  for (const Damage& damage : kDamages) {
    int32_t table[kTableWords];
    std::memcpy(table, kTable, sizeof table);
    table[damage.word] = damage.value;
    DenseOptions options;
    options.regions = {table, kTableWords};
    ExpectStatus(test, Fresh(options).status, StatusCode::kNoPlan, damage.what);
    ++damaged;
  }
  test.ExpectEqual(damaged, 13, "damages");
}

// One arena may hold a tensor that two regions cannot.
void TestAcrossRegions(TestContext& test) {
  static Memories memories;
  DenseOptions options = InRegions();
  options.x_offset = 80;  // 24 bytes up to 104, over the border at 96
  options.product_offset = 32;
  Fixture& f = Fresh(options);
  const Span<uint8_t> regions[] = {{memories.fast, kFast},
                                   {memories.large, kLarge}};
  Trainer trainer;
  const Status status = Trainer::Create(f.file, regions, &trainer);
  ExpectStatus(test, status, StatusCode::kNoPlan, "across");
  const Text name = {status.what, sizeof("region_of_tensor") - 1};
  test.Expect(name.Equals("region_of_tensor"), "what");
}

constexpr TestCase kTests[] = {
    {"trains_as_in_one", TestTrainsAsInOne},
    {"memories", TestMemories},
    {"damaged_tables", TestDamagedTables},
    {"across_regions", TestAcrossRegions},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
