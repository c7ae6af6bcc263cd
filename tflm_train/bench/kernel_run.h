// SPDX-License-Identifier: Apache-2.0
// What a kernel is run with: shapes that arrive as data, so that the compiler
// cannot specialise, and memory that is filled before the kernel starts.
#ifndef TFLM_TRAIN_BENCH_KERNEL_RUN_H_
#define TFLM_TRAIN_BENCH_KERNEL_RUN_H_

#include <cstddef>
#include <cstdint>

namespace biotrain {
namespace bench {

// Called right before and right after a kernel; an emulator's plugin counts
// what is executed in between.
extern "C" void biotrain_mark();

// Hands out pieces of one block, none of which is given back.
class Memory {
 public:
  Memory(float* block, int64_t floats) : block_(block), left_(floats) {}

  // n values in (-1, 1), the same in every run; nullptr once there is no room.
  float* Random(int64_t n);

  bool exhausted() const { return exhausted_; }

 private:
  float* block_;
  int64_t left_;
  uint32_t state_ = 1;
  bool exhausted_ = false;
};

struct Kernel {
  const char* name;  // as the request says it: `conv.forward`
  // Takes its shape from the arguments of the request.
  void (*run)(const int32_t* arguments, Memory* memory);
};

struct KernelTable {
  const Kernel* kernels;
  size_t count;
};

extern const KernelTable kConvolutionKernels;
extern const KernelTable kDenseKernels;
extern const KernelTable kElementKernels;
extern const KernelTable kMaskKernels;
extern const KernelTable kNormKernels;

}  // namespace bench
}  // namespace biotrain

#endif  // TFLM_TRAIN_BENCH_KERNEL_RUN_H_
