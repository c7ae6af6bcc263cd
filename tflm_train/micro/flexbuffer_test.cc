// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/micro/flexbuffer.h"

#include <cstring>

#include "tflm_train/testing/micro_test.h"

namespace biotrain {
namespace {

// Written by flatbuffers.flexbuffers of Python.
// {stride_h: 2, big: 100000, neg: -3, epsilon: 0.001, padding: "SAME",
//  spatial: True, u: 200u}, eight bytes a number.
constexpr uint8_t kWide[] = {
    0x73, 0x74, 0x72, 0x69, 0x64, 0x65, 0x5f, 0x68, 0x00, 0x62, 0x69, 0x67,
    0x00, 0x6e, 0x65, 0x67, 0x00, 0x65, 0x70, 0x73, 0x69, 0x6c, 0x6f, 0x6e,
    0x00, 0x70, 0x61, 0x64, 0x64, 0x69, 0x6e, 0x67, 0x00, 0x04, 0x53, 0x41,
    0x4d, 0x45, 0x00, 0x73, 0x70, 0x61, 0x74, 0x69, 0x61, 0x6c, 0x00, 0x75,
    0x00, 0x07, 0x29, 0x22, 0x27, 0x1c, 0x0f, 0x37, 0x09, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0xa0, 0x86, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xfc, 0xa9, 0xf1, 0xd2, 0x4d, 0x62, 0x50, 0x3f, 0xfd, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0x4e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0xc8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x07, 0x0f, 0x07, 0x14, 0x6b, 0x07, 0x0b, 0x3f, 0x27, 0x01};
// {a: -3, b: True, c: False, p: "VALID"}, one byte a number.
constexpr uint8_t kNarrow[] = {
    0x61, 0x00, 0x62, 0x00, 0x63, 0x00, 0x70, 0x00, 0x05, 0x56, 0x41, 0x4c,
    0x49, 0x44, 0x00, 0x04, 0x10, 0x0f, 0x0e, 0x0d, 0x04, 0x01, 0x04, 0xfd,
    0x01, 0x00, 0x11, 0x04, 0x68, 0x68, 0x14, 0x08, 0x24, 0x01};
// {i: -70000, f: 0.25, u: 300u}, all of them indirect.
constexpr uint8_t kIndirect[] = {
    0x69, 0x00, 0x00, 0x00, 0x90, 0xee, 0xfe, 0xff, 0x66, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x80, 0x3e, 0x75, 0x00, 0x2c, 0x01, 0x03, 0x0d, 0x16, 0x07,
    0x03, 0x01, 0x03, 0x0f, 0x18, 0x0b, 0x22, 0x1a, 0x1d, 0x06, 0x24, 0x01};

template <size_t kSize>
FlexMap Map(const uint8_t (&bytes)[kSize]) {
  return FlexMap({bytes, kSize});
}

int64_t Int(const FlexMap& map, const char* key) {
  int32_t value = 0;
  return map.Int(key, &value) ? value : INT64_MIN;
}

double Float(const FlexMap& map, const char* key) {
  double value = 0.0f;
  return map.Float(key, &value) ? value : -1e9;
}

void TestNumbers(TestContext& test) {
  const FlexMap wide = Map(kWide);
  test.ExpectEqual(Int(wide, "stride_h"), 2, "stride_h");
  test.ExpectEqual(Int(wide, "big"), 100000, "big");
  test.ExpectEqual(Int(wide, "neg"), -3, "neg");
  test.ExpectEqual(Int(wide, "u"), 200, "u");
  test.ExpectNear(Float(wide, "epsilon"), 0.001, 1e-9, "epsilon");
  test.ExpectNear(Float(wide, "neg"), -3.0, 0.0, "whole number");
  const FlexMap narrow = Map(kNarrow);
  test.ExpectEqual(Int(narrow, "a"), -3, "a");
  const FlexMap indirect = Map(kIndirect);
  test.ExpectEqual(Int(indirect, "i"), -70000, "i");
  test.ExpectEqual(Int(indirect, "u"), 300, "u");
  test.ExpectNear(Float(indirect, "f"), 0.25, 0.0, "f");
}

void TestBoolsAndStrings(TestContext& test) {
  const FlexMap narrow = Map(kNarrow);
  bool flag = false;
  test.Expect(narrow.Bool("b", &flag) && flag, "b");
  test.Expect(narrow.Bool("c", &flag) && !flag, "c");
  Text text;
  test.Expect(narrow.String("p", &text) && text.Equals("VALID"), "p");
  test.Expect(!text.Equals("VALI") && !text.Equals("VALIDX"), "other texts");
  test.Expect(Map(kWide).String("padding", &text) && text.Equals("SAME"),
              "padding");
}

void TestWrongKinds(TestContext& test) {
  const FlexMap wide = Map(kWide);
  int32_t value;
  double number;
  bool flag;
  Text text;
  test.Expect(!wide.Int("stride", &value), "prefix of a key");
  test.Expect(!wide.Int("epsilon", &value), "float as int");
  test.Expect(!wide.Int("padding", &value), "string as int");
  test.Expect(!wide.Float("padding", &number), "string as float");
  test.Expect(!wide.Bool("padding", &flag), "string as bool");
  test.Expect(!wide.String("big", &text), "int as string");
  const uint8_t no_map[] = {0x05, 0x04, 0x01};
  test.Expect(!Map(no_map).present(), "an int as root");
  test.Expect(!FlexMap().present(), "empty");
}

// Lookups in damaged bytes may find anything, but only inside the bytes; the
// sanitizers look on.
template <size_t kSize>
void Damage(TestContext& test, const uint8_t (&bytes)[kSize],
            const char* const (&keys)[4]) {
  uint8_t damaged[kSize];
  std::memcpy(damaged, bytes, kSize);
  for (size_t i = 0; i < kSize; ++i) {
    for (int value = 0; value < 256; value += 5) {
      damaged[i] = static_cast<uint8_t>(value);
      const FlexMap map({damaged, kSize});
      for (const char* key : keys) {
        int32_t whole;
        double number;
        bool flag;
        Text text;
        int found = map.Int(key, &whole) + map.Float(key, &number) +
                    map.Bool(key, &flag);
        if (map.String(key, &text)) {
          const auto* data = reinterpret_cast<const uint8_t*>(text.data);
          found += data >= damaged && data + text.size <= damaged + kSize;
        } else {
          ++found;
        }
        test.Expect(found > 0, "text inside");
      }
    }
    damaged[i] = bytes[i];
  }
}

void TestDamagedBytes(TestContext& test) {
  Damage(test, kWide, {"stride_h", "epsilon", "padding", "u"});
  Damage(test, kNarrow, {"a", "b", "c", "p"});
  Damage(test, kIndirect, {"i", "f", "u", "x"});
}

constexpr TestCase kTests[] = {
    {"numbers", TestNumbers},
    {"bools_and_strings", TestBoolsAndStrings},
    {"wrong_kinds", TestWrongKinds},
    {"damaged_bytes", TestDamagedBytes},
};

}  // namespace
}  // namespace biotrain

int main() { return biotrain::RunTests(biotrain::kTests); }
