// SPDX-License-Identifier: Apache-2.0
// Framed, checksummed packets, both ways and over any byte link:
//   0xB7 0x7B, type, length (u32), payload, CRC-32 of type, length and payload.
// Numbers are little-endian; the CRC is zlib's.
#ifndef TFLM_TRAIN_APP_FRAME_H_
#define TFLM_TRAIN_APP_FRAME_H_

#include <stddef.h>
#include <stdint.h>

namespace biotrain {

// Reads one frame after the other, the payload straight to where it belongs:
// Next, then Payload or Skip until `length` bytes are read, then Verify.
class FrameReader {
 public:
  // Looks for the next frame. False: the input has ended.
  [[nodiscard]] bool Next();
  char type() const { return type_; }
  uint32_t length() const { return length_; }

  [[nodiscard]] bool Payload(void* data, size_t size);
  [[nodiscard]] bool Skip(size_t size);
  // Compares the checksum. *matches is set only when true is returned.
  [[nodiscard]] bool Verify(bool* matches);

 private:
  char type_ = 0;
  uint32_t length_ = 0;
  uint32_t crc_ = 0;
};

void SendFrame(char type, const void* payload, uint32_t length);

// Sends a frame piece by piece: the pieces add up to the announced length.
class FrameWriter {
 public:
  FrameWriter(char type, uint32_t length);
  void Write(const void* data, size_t size);
  void End();

 private:
  uint32_t crc_;
};

}  // namespace biotrain

#endif  // TFLM_TRAIN_APP_FRAME_H_
