// SPDX-License-Identifier: Apache-2.0
// One line of `key=value` pairs, without printf.
#ifndef TFLM_TRAIN_APP_LINE_H_
#define TFLM_TRAIN_APP_LINE_H_

#include <stddef.h>
#include <stdint.h>

#include "tflm_train/micro/status.h"

namespace biotrain {

// Line().Int("step", 3).Float("loss", 0.5f).Send() sends `step=3 loss=0.5..`.
class Line {
 public:
  Line& Text(const char* key, const char* value);
  Line& Int(const char* key, int64_t value);
  // Fixed point with seven decimals, cut off at 2^32; the bits are what counts.
  Line& Float(const char* key, float value);
  // The 32 bits of the value, as eight hexadecimal digits.
  Line& Bits(const char* key, float value);
  void Send();

 private:
  void Key(const char* key);
  void Put(char character);
  void Put(const char* text);
  void PutUnsigned(uint64_t value, int least_digits);

  char text_[240];
  size_t size_ = 0;
};

// `error=<status> what=<word> wanted=<n> found=<n>`
void SendError(const Status& status);

// A line that is one word: PASS or FAIL.
void SendWord(const char* word);

}  // namespace biotrain

#endif  // TFLM_TRAIN_APP_LINE_H_
