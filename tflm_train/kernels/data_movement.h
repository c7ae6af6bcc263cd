// SPDX-License-Identifier: Apache-2.0
// Moving elements without computing: transpose, slice, pad, concatenate, split
// and broadcast are one strided copy with other strides, forward and backward.
#ifndef TFLM_TRAIN_KERNELS_DATA_MOVEMENT_H_
#define TFLM_TRAIN_KERNELS_DATA_MOVEMENT_H_

#include <cstdint>

#include "tflm_train/kernels/strided_loop.h"

namespace biotrain {

// y[loop] = x[loop] for elements of 4 bytes or 1 byte. x and y do not overlap.
// Strides may be negative.
void CopyStrided(const StridedLoop& loop, int element_bytes, const void* x,
                 void* y);

// As memcpy; those of small C libraries take a word a turn.
void CopyBytes(const void* x, int bytes, void* y);

// n elements, each the same.
void Fill(int element_bytes, const void* value, int n, void* y);

// y[o,i,:] = x[o,indices[i],:]
void Gather(const void* x,           // [outer,axis,inner]
            const int32_t* indices,  // [count], 0 <= indices[i] < axis
            int outer, int axis, int count, int inner, int element_bytes,
            void* y);  // [outer,count,inner]

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_DATA_MOVEMENT_H_
