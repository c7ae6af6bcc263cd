// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/fma.h"
#include "tflm_train/kernels/lanes.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/norm.h"
#include "tflm_train/kernels/sums.h"

namespace biotrain {
namespace {

// The sum of x, and of (x - center)^2, over one group of one sample.
struct GroupMoments {
  const float* x;  // [S,C] of one sample
  int spatial;
  int channels;
  float center;
  CompensatedSum* sum;
  CompensatedSum* squares;

  template <int kLanes>
  void Run(int first) const {
    ChunkedSums<2 * kLanes> sums;
    sums.AddRows(spatial, [&](int row, float* partial) {
      const float* values = x + row * channels + first;
      for (int c = 0; c < kLanes; ++c) {
        const float deviation = values[c] - center;
        partial[c] += values[c];
        partial[kLanes + c] = Fma(deviation, deviation, partial[kLanes + c]);
      }
    });
    for (int c = 0; c < kLanes; ++c) {
      sum->Add(sums.Total(c));
      squares->Add(sums.Total(kLanes + c));
    }
  }
};

// dgamma and dbeta of some channels, over all samples.
struct ParameterGrads {
  const float* x;
  const float* mean;
  const float* variance;
  const float* dy;
  int batch, spatial, channels, groups;
  float epsilon;
  float* dgamma;
  float* dbeta;

  template <int kLanes>
  void Run(int first) const {
    ChunkedSums<2 * kLanes> sums;
    const int group = first / (channels / groups);
    for (int b = 0; b < batch; ++b) {
      const float center = mean[b * groups + group];
      const float inverse = 1.0f / Sqrt(variance[b * groups + group] + epsilon);
      const int sample = b * spatial * channels + first;
      sums.AddRows(spatial, [&](int row, float* partial) {
        const float* values = x + sample + row * channels;
        const float* grads = dy + sample + row * channels;
        for (int c = 0; c < kLanes; ++c) {
          const float normal = (values[c] - center) * inverse;
          partial[c] = Fma(grads[c], normal, partial[c]);
          partial[kLanes + c] += grads[c];
        }
      });
    }
    for (int c = 0; c < kLanes; ++c) {
      dgamma[first + c] = sums.Total(c);
      dbeta[first + c] = sums.Total(kLanes + c);
    }
  }
};

// The sums of gamma * dy, and of gamma * dy * (x - center), over one group.
struct GroupGradMoments {
  const float* x;   // [S,C] of one sample
  const float* dy;  // [S,C] of one sample
  const float* gamma;
  int spatial;
  int channels;
  float center;
  CompensatedSum* sum;
  CompensatedSum* product;

  template <int kLanes>
  void Run(int first) const {
    ChunkedSums<2 * kLanes> sums;
    sums.AddRows(spatial, [&](int row, float* partial) {
      const float* values = x + row * channels + first;
      const float* grads = dy + row * channels + first;
      for (int c = 0; c < kLanes; ++c) {
        partial[c] += grads[c];
        partial[kLanes + c] =
            Fma(grads[c], values[c] - center, partial[kLanes + c]);
      }
    });
    for (int c = 0; c < kLanes; ++c) {
      sum->Add(gamma[first + c] * sums.Total(c));
      product->Add(gamma[first + c] * sums.Total(kLanes + c));
    }
  }
};

}  // namespace

void GroupNorm(const float* x, const float* gamma, const float* beta, int batch,
               int spatial, int channels, int groups, float epsilon, float* y,
               float* mean, float* variance) {
  const int size = channels / groups;
  const float count = static_cast<float>(spatial * size);
  for (int b = 0; b < batch; ++b) {
    const float* sample = x + b * spatial * channels;
    float* out = y + b * spatial * channels;
    for (int group = 0; group < groups; ++group) {
      const int begin = group * size;
      const int end = begin + size;
      CompensatedSum sum, squares, unused;
      ForEachLaneBlock(
          begin, end,
          GroupMoments{sample, spatial, channels, 0.0f, &sum, &unused});
      const float center = sum.Total() / count;
      CompensatedSum unused_sum;
      ForEachLaneBlock(begin, end,
                       GroupMoments{sample, spatial, channels, center,
                                    &unused_sum, &squares});
      const float spread = squares.Total() / count;
      const float deviation = Sqrt(spread + epsilon);
      for (int row = 0; row < spatial; ++row) {
        for (int c = begin; c < end; ++c) {
          const float centered = sample[row * channels + c] - center;
          out[row * channels + c] =
              Fma(centered, gamma[c] / deviation, beta[c]);
        }
      }
      mean[b * groups + group] = center;
      variance[b * groups + group] = spread;
    }
  }
}

void GroupNormGrad(const float* x, const float* gamma, const float* mean,
                   const float* variance, const float* dy, int batch,
                   int spatial, int channels, int groups, float epsilon,
                   float* dx, float* dgamma, float* dbeta) {
  const int size = channels / groups;
  const float count = static_cast<float>(spatial * size);
  for (int group = 0; group < groups; ++group) {
    ForEachLaneBlock(group * size, (group + 1) * size,
                     ParameterGrads{x, mean, variance, dy, batch, spatial,
                                    channels, groups, epsilon, dgamma, dbeta});
  }
  // After dgamma and dbeta, since dx may overwrite dy.
  for (int b = 0; b < batch; ++b) {
    const float* sample = x + b * spatial * channels;
    const float* grads = dy + b * spatial * channels;
    float* out = dx + b * spatial * channels;
    for (int group = 0; group < groups; ++group) {
      const int begin = group * size;
      const int end = begin + size;
      const float center = mean[b * groups + group];
      const float deviation = Sqrt(variance[b * groups + group] + epsilon);
      CompensatedSum sum, product;
      ForEachLaneBlock(begin, end,
                       GroupGradMoments{sample, grads, gamma, spatial, channels,
                                        center, &sum, &product});
      const float inverse = 1.0f / deviation;
      const float offset = sum.Total() / count;
      const float slope = product.Total() / count / deviation / deviation;
      for (int row = 0; row < spatial; ++row) {
        for (int c = begin; c < end; ++c) {
          const int i = row * channels + c;
          const float centered = Fma(gamma[c], grads[i], -offset);
          out[i] = inverse * Fma(center - sample[i], slope, centered);
        }
      }
    }
  }
}

}  // namespace biotrain
