// SPDX-License-Identifier: Apache-2.0
// Attention of queries to keys, each head by itself: p is the softmax of the
// scaled products of queries and keys, y the values weighted by it.
//
// Heads lie side by side in every token, as projections leave them and want
// them; nothing is transposed.
#ifndef TFLM_TRAIN_KERNELS_ATTENTION_H_
#define TFLM_TRAIN_KERNELS_ATTENTION_H_

namespace biotrain {

struct AttentionShape {
  int batch;
  int heads;
  int queries;
  int keys;
  int depth;        // of a query and a key
  int value_depth;  // of a value
  float scale;      // of the products
  bool causal;      // query i attends to the keys up to i
};

void Attention(const AttentionShape& shape,
               const float* q,  // [batch,queries,heads,depth]
               const float* k,  // [batch,keys,heads,depth]
               const float* v,  // [batch,keys,heads,value_depth]
               float* y,        // [batch,queries,heads,value_depth]
               float* p);       // [batch,heads,queries,keys]

// dp is the gradient of the scaled products, and may lie where p does.
void AttentionGrad(const AttentionShape& shape, const float* q, const float* k,
                   const float* v, const float* y, const float* dy,
                   const float* p,
                   float* dp,   // as p
                   float* dq,   // as q
                   float* dk,   // as k
                   float* dv);  // as v

}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_ATTENTION_H_
