// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/flatbuffer.h"

#include <cstring>

#include "tflm_train/micro/test_model.h"
#include "tflm_train/testing/micro_test.h"

namespace biotrain {
namespace {

constexpr char kIdentifier[] = "TEST";
constexpr int32_t kInts[] = {7, -8, 9};

// number 5, nothing, text, ints, child {number -1}, children.
Span<uint8_t> Write(FlatWriter& w) {
  w.Reserve(8);
  std::memcpy(w.bytes().data() + 4, kIdentifier, 4);
  const uint32_t root = w.Table(6);
  w.Link(0, root);
  w.Set(root, 0, 5);
  w.LinkNext(root, 2);
  w.Bytes(3, "abc");
  w.LinkNext(root, 3);
  w.Words(3, kInts);
  const uint32_t child = w.Table(1);
  w.Link(root, 4, child);
  w.Set(child, 0, -1);
  w.LinkNext(root, 5);
  const uint32_t children = w.Words(2, nullptr);
  for (int i = 0; i < 2; ++i) {
    const uint32_t table = w.Table(1);
    w.Link(children + 4 * i, table);
    w.Set(table, 0, 100 + i);
  }
  return w.bytes();
}

void TestReads(TestContext& test) {
  static FlatWriter writer;
  writer = FlatWriter();
  const Span<const uint8_t> file = Write(writer);
  const Table root = Table::Root(file, kIdentifier);
  test.Expect(root.present(), "root");
  test.ExpectEqual(root.Number<int32_t>(0), 5, "number");
  test.ExpectEqual(root.Number<int8_t>(0), 5, "narrow number");
  test.ExpectEqual(root.Number<int32_t>(1, 42), 42, "absent");
  test.ExpectEqual(root.Number<int32_t>(99, 42), 42, "beyond the vtable");
  test.Expect(root.String(2).Equals("abc"), "text");
  test.Expect(root.Bytes(2).size() == 3, "bytes");
  test.ExpectEqual(static_cast<int64_t>(root.Ints(3).size()), 3, "ints");
  test.ExpectEqual(root.Ints(3)[1], -8, "int");
  test.ExpectEqual(root.Child(4).Number<int32_t>(0), -1, "child");
  test.ExpectEqual(root.Tables(5).size(), 2, "children");
  test.ExpectEqual(root.Tables(5)[1].Number<int32_t>(0), 101, "second child");
  test.Expect(!root.Tables(5)[2].present(), "third child");
  test.Expect(!root.Tables(5)[-1].present(), "child -1");
  test.Expect(!root.Child(1).present(), "absent child");
  test.Expect(root.Child(1).String(0).size == 0, "of an absent child");
}

void TestHeaders(TestContext& test) {
  static FlatWriter writer;
  writer = FlatWriter();
  const Span<const uint8_t> file = Write(writer);
  test.Expect(!Table::Root(file, "NONE").present(), "identifier");
  test.Expect(!Table::Root({file.data(), 7}, kIdentifier).present(), "short");
  test.Expect(!Table::Root({}, kIdentifier).present(), "empty");
  test.Expect(!Table::At(file, 0).present(), "position 0");
  test.Expect(!Table::At(file, 13).present(), "odd position");
  test.Expect(!Table::At(file, 0xfffffffc).present(), "far position");
}

// Sums up all there is; whatever was damaged, nothing outside is read.
int64_t ReadAll(const Table& table) {
  int64_t sum = 0;
  for (int field = 0; field < 6; ++field) {
    sum += table.Number<int32_t>(field) + table.Number<uint8_t>(field);
    for (const int32_t value : table.Ints(field)) sum += value;
    for (const uint8_t value : table.Bytes(field)) sum += value;
    const Text text = table.String(field);
    sum += text.data[text.size];  // the NUL
    const TableVector tables = table.Tables(field);
    for (int32_t i = 0; i < tables.size(); ++i) {
      sum += tables[i].Number<int32_t>(0);
    }
    sum += table.Child(field).Number<int32_t>(0);
  }
  return sum;
}

void TestDamagedBytes(TestContext& test) {
  static FlatWriter writer;
  writer = FlatWriter();
  const Span<uint8_t> file = Write(writer);
  const int64_t undamaged = ReadAll(Table::Root(file, kIdentifier));
  test.Expect(undamaged != 0, "sum");
  for (size_t i = 0; i < file.size(); ++i) {
    const uint8_t kept = file[i];
    for (int value = 0; value < 256; value += 3) {
      file[i] = static_cast<uint8_t>(value);
      const Table root = Table::Root(file, kIdentifier);
      test.Expect(root.present() || ReadAll(root) == 0, "absent is empty");
      ReadAll(root);
    }
    file[i] = kept;
  }
  for (size_t size = 0; size <= file.size(); ++size) {
    // A copy that ends where the file does.
    alignas(4) uint8_t cut[1024];
    std::memcpy(cut, file.data(), size);
    ReadAll(Table::Root({cut, size}, kIdentifier));
  }
  test.ExpectEqual(ReadAll(Table::Root(file, kIdentifier)), undamaged,
                   "undamaged");
}

constexpr TestCase kTests[] = {
    {"reads", TestReads},
    {"headers", TestHeaders},
    {"damaged_bytes", TestDamagedBytes},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
