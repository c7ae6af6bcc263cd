// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/dropout.h"

#include "tflm_train/kernels/repeat.h"

namespace biotrain {
namespace {

// A prime small enough that every product below is an exact float integer,
// which is how a TensorFlow graph computes the same hash.
constexpr uint32_t kPrime = 2861;
constexpr int32_t kSignedPrime = kPrime;
// A little more than 2^32 / kPrime.
constexpr int64_t kInverse = (int64_t{1} << 32) / kPrime + 1;
constexpr int64_t kExcess = kInverse * kPrime - (int64_t{1} << 32);
static_assert(kExcess * kPrime * kPrime < int64_t{1} << 32,
              "products of two residues are divided exactly");

uint32_t Mod(uint32_t value) { return value % kPrime; }

// Of a product of two numbers no larger than the prime, in two instructions.
// Below zero too, unless it is a multiple of the prime.
int32_t ModOfProduct(int32_t value) {
  const int64_t quotient = (value * kInverse) >> 32;
  return value - static_cast<int32_t>(quotient) * kSignedPrime;
}

// Cube of a number from -kPrime to kPrime - 1. A bijection of the residues,
// since 3 does not divide kPrime - 1.
uint32_t Cube(int32_t v) {
  return static_cast<uint32_t>(ModOfProduct(ModOfProduct(v * v) * v));
}

// Of the sum of two residues.
uint32_t CubeOfSum(uint32_t a, uint32_t b) {
  return Cube(static_cast<int32_t>(a + b) - kSignedPrime);
}

uint32_t Fold(uint32_t key, uint32_t value, uint32_t multiplier) {
  return CubeOfSum(Mod(key * multiplier + value + 7), 0);
}

struct Keys {
  uint32_t row;
  uint32_t column;
};

uint32_t StepKey(uint32_t start, uint32_t multiplier, uint32_t step,
                 uint32_t seed) {
  uint32_t key = Mod(start);
  key = Fold(key, Mod(seed), multiplier);
  key = Fold(key, Mod(seed / kPrime), multiplier);
  key = Fold(key, Mod(step), multiplier);
  return Fold(key, Mod(step / kPrime), multiplier);
}

uint32_t Scatter(uint32_t index, uint32_t key) {
  const uint32_t turn = index / kPrime;
  return CubeOfSum(CubeOfSum(index - turn * kPrime, key), Mod(turn));
}

// Scatter of `count` indices from `first` on, with one division a turn.
void ScatterRows(uint32_t key, uint32_t first, int count, uint32_t* hash) {
  for (int i = 0; i < count;) {
    const uint32_t index = first + static_cast<uint32_t>(i);
    const uint32_t turn = index / kPrime;
    const uint32_t rest = index - turn * kPrime;
    const uint32_t left = kPrime - rest;
    const int end =
        static_cast<uint32_t>(count - i) <= left ? count : i + int(left);
    const uint32_t offset = Mod(turn);
    int32_t sum = static_cast<int32_t>(rest + key) - kSignedPrime;
    for (; i < end; ++i, ++sum) hash[i] = CubeOfSum(Cube(sum), offset);
  }
}

// Elements are visited in blocks, so that a block's hashes are made once.
constexpr int kBlock = 64;

// Elements first ... first + count - 1 of all lines of a sample. A line is a
// channel and its elements are rows, or the other way round: the hash of an
// element is the same in both.
void DropBlock(const Keys& keys, uint32_t threshold, float scale,
               const DropoutParams& params,
               const float* x,  // [lines,elements]
               int lines, int elements, int first, int count, float* y) {
  const bool lines_are_rows = params.channels_last;
  const uint32_t line_key = lines_are_rows ? keys.row : keys.column;
  const uint32_t element_key = lines_are_rows ? keys.column : keys.row;
  uint32_t element_hash[kBlock];
  if (params.spatial && !lines_are_rows) {
    const uint32_t hash = Scatter(0, element_key);
    for (int i = 0; i < count; ++i) element_hash[i] = hash;
  } else {
    ScatterRows(element_key, static_cast<uint32_t>(first), count, element_hash);
  }
  for (int line = 0; line < lines; ++line) {
    const bool one_for_all = params.spatial && lines_are_rows;
    const int index = one_for_all ? 0 : params.first_line + line;
    const uint32_t hash = Scatter(static_cast<uint32_t>(index), line_key);
    const int32_t column = static_cast<int32_t>(hash) - kSignedPrime;
    const float* in = x + line * elements + first;
    float* out = y + line * elements + first;
    ForEachElement(count, [&](int i) BIOTRAIN_INLINE {
      const int32_t sum = static_cast<int32_t>(element_hash[i]) + column;
      const bool keep = Cube(sum) >= threshold;
      out[i] = keep ? in[i] * scale : 0.0f;
    });
  }
}

}  // namespace

void Dropout(const DropoutParams& params, int32_t step, int32_t seed,
             const float* x, int batch, int lines, int elements, float* y) {
  // In double and once a call: the same figures as in Python.
  const uint32_t threshold = static_cast<uint32_t>(params.rate * kPrime + 0.5);
  const float scale = static_cast<float>(1.0 / (1.0 - params.rate));
  const uint32_t layer = static_cast<uint32_t>(params.layer);
  const uint32_t ustep = static_cast<uint32_t>(step);
  const uint32_t useed = static_cast<uint32_t>(seed);
  const uint32_t row_key = StepKey(2 * layer + 1, 31, ustep, useed);
  const uint32_t column_key = StepKey(2 * layer + 2, 57, ustep, useed);
  for (int sample = 0; sample < batch; ++sample) {
    const uint32_t index =
        Mod(static_cast<uint32_t>(params.first_sample + sample));
    const Keys keys = {Fold(row_key, index, 31), Fold(column_key, index, 57)};
    for (int first = 0; first < elements; first += kBlock) {
      const int left = elements - first;
      DropBlock(keys, threshold, scale, params, x, lines, elements, first,
                left < kBlock ? left : kBlock, y);
    }
    x += lines * elements;
    y += lines * elements;
  }
}

}  // namespace biotrain
