// SPDX-License-Identifier: Apache-2.0
// The windowed kernels and their gradients once more, as the loops one would
// write first. Slow; the oracle of the tests and of nothing else. Real is float
// or double.
#ifndef TFLM_TRAIN_KERNELS_REFERENCE_H_
#define TFLM_TRAIN_KERNELS_REFERENCE_H_

#include "tflm_train/kernels/geometry.h"

namespace biotrain {
namespace reference {

// Shapes and layouts as in conv.h, depthwise.h and pool.h.
template <typename Real>
void Conv2D(const ConvGeometry& geometry, const Real* x, const Real* w,
            const Real* bias, Activation activation, Real* y);
template <typename Real>
void Conv2DGradFilter(const ConvGeometry& geometry, const Real* x,
                      const Real* dy, Real* dw);
template <typename Real>
void Conv2DGradInput(const ConvGeometry& geometry, const Real* w,
                     const Real* dy, Real* dx);

template <typename Real>
void DepthwiseConv2D(const ConvGeometry& geometry, const Real* x, const Real* w,
                     const Real* bias, Activation activation, Real* y);
template <typename Real>
void DepthwiseConv2DGradFilter(const ConvGeometry& geometry, const Real* x,
                               const Real* dy, Real* dw);
template <typename Real>
void DepthwiseConv2DGradInput(const ConvGeometry& geometry, const Real* w,
                              const Real* dy, Real* dx);

template <typename Real>
void AveragePool2D(const PoolGeometry& geometry, const Real* x, Real* y);
template <typename Real>
void AveragePool2DGrad(const PoolGeometry& geometry, const Real* dy, Real* dx);
template <typename Real>
void MaxPool2D(const PoolGeometry& geometry, const Real* x, Real* y);
template <typename Real>
void MaxPool2DGrad(const PoolGeometry& geometry, const Real* x, const Real* dy,
                   Real* dx);

}  // namespace reference
}  // namespace biotrain

#endif  // TFLM_TRAIN_KERNELS_REFERENCE_H_
