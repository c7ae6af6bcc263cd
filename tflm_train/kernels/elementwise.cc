// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/elementwise.h"

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/math.h"

namespace biotrain {
namespace {

// The three shapes nearly every broadcast has after Collapse() get a loop the
// compiler can vectorise.
template <typename In, typename Out, typename Function>
void Broadcast(const StridedLoop& loop, const In* a, const In* b, Out* y,
               Function function) {
  const int n = loop.dims[loop.rank - 1];
  const int a_step = loop.strides[1][loop.rank - 1];
  const int b_step = loop.strides[2][loop.rank - 1];
  loop.ForEachRow([=](const int* offsets) {
    Out* const out = y + offsets[0];
    const In* const p = a + offsets[1];
    const In* const q = b + offsets[2];
    if (a_step == 1 && b_step == 1) {
      for (int i = 0; i < n; ++i) out[i] = function(p[i], q[i]);
    } else if (a_step == 1 && b_step == 0) {
      const In right = *q;
      for (int i = 0; i < n; ++i) out[i] = function(p[i], right);
    } else {
      for (int i = 0; i < n; ++i) {
        out[i] = function(p[i * a_step], q[i * b_step]);
      }
    }
  });
}

template <typename T, typename Function>
void ForEach(const T* x, int n, Function function) {
  for (int i = 0; i < n; ++i) function(i, x[i]);
}

void Activate(const StridedLoop& loop, Activation activation, float* y) {
  int n = 1;
  for (int d = 0; d < loop.rank; ++d) n *= loop.dims[d];
  if (activation == Activation::kRelu) Relu(y, n, y);
  if (activation == Activation::kRelu6) Relu6(y, n, y);
}

template <typename T>
void Compare(CompareOp op, const StridedLoop& loop, const T* a, const T* b,
             uint8_t* y) {
  switch (op) {
    case CompareOp::kEqual:
      return Broadcast(loop, a, b, y, [](T p, T q) { return p == q; });
    case CompareOp::kNotEqual:
      return Broadcast(loop, a, b, y, [](T p, T q) { return p != q; });
    case CompareOp::kGreater:
      return Broadcast(loop, a, b, y, [](T p, T q) { return p > q; });
    case CompareOp::kGreaterEqual:
      return Broadcast(loop, a, b, y, [](T p, T q) { return p >= q; });
    case CompareOp::kLess:
      return Broadcast(loop, a, b, y, [](T p, T q) { return p < q; });
    case CompareOp::kLessEqual:
      return Broadcast(loop, a, b, y, [](T p, T q) { return p <= q; });
  }
}

template <typename T>
void Select(const StridedLoop& loop, const uint8_t* condition, const T* a,
            const T* b, T* y) {
  const int last = loop.rank - 1;
  const int n = loop.dims[last];
  const int condition_step = loop.strides[1][last];
  const int a_step = loop.strides[2][last];
  const int b_step = loop.strides[3][last];
  loop.ForEachRow([=](const int* offsets) {
    T* const out = y + offsets[0];
    const uint8_t* const c = condition + offsets[1];
    const T* const p = a + offsets[2];
    const T* const q = b + offsets[3];
    for (int i = 0; i < n; ++i) {
      out[i] = c[i * condition_step] != 0 ? p[i * a_step] : q[i * b_step];
    }
  });
}

int32_t Truncate(float x) {
  if (x != x) return 0;
  if (x >= 2147483648.0f) return INT32_MAX;
  if (x < -2147483648.0f) return INT32_MIN;
  return static_cast<int32_t>(x);
}

}  // namespace

void BinaryFloat(BinaryOp op, const StridedLoop& loop, const float* a,
                 const float* b, Activation activation, float* y) {
  switch (op) {
    case BinaryOp::kAdd:
      Broadcast(loop, a, b, y, [](float p, float q) { return p + q; });
      break;
    case BinaryOp::kSub:
      Broadcast(loop, a, b, y, [](float p, float q) { return p - q; });
      break;
    case BinaryOp::kMul:
      Broadcast(loop, a, b, y, [](float p, float q) { return p * q; });
      break;
    case BinaryOp::kDiv:
      Broadcast(loop, a, b, y, [](float p, float q) { return p / q; });
      break;
    case BinaryOp::kMinimum:
      Broadcast(loop, a, b, y,
                [](float p, float q) { return p < q || p != p ? p : q; });
      break;
    case BinaryOp::kMaximum:
      Broadcast(loop, a, b, y,
                [](float p, float q) { return p > q || p != p ? p : q; });
      break;
    case BinaryOp::kSquaredDifference:
      Broadcast(loop, a, b, y,
                [](float p, float q) { return (p - q) * (p - q); });
      break;
  }
  Activate(loop, activation, y);
}

void BinaryInt32(BinaryOp op, const StridedLoop& loop, const int32_t* a,
                 const int32_t* b, int32_t* y) {
  // Unsigned, where overflow is defined.
  switch (op) {
    case BinaryOp::kAdd:
      return Broadcast(loop, a, b, y, [](int32_t p, int32_t q) {
        return static_cast<int32_t>(uint32_t(p) + uint32_t(q));
      });
    case BinaryOp::kSub:
      return Broadcast(loop, a, b, y, [](int32_t p, int32_t q) {
        return static_cast<int32_t>(uint32_t(p) - uint32_t(q));
      });
    case BinaryOp::kMul:
      return Broadcast(loop, a, b, y, [](int32_t p, int32_t q) {
        return static_cast<int32_t>(uint32_t(p) * uint32_t(q));
      });
    case BinaryOp::kMinimum:
      return Broadcast(loop, a, b, y,
                       [](int32_t p, int32_t q) { return p < q ? p : q; });
    case BinaryOp::kMaximum:
      return Broadcast(loop, a, b, y,
                       [](int32_t p, int32_t q) { return p > q ? p : q; });
    case BinaryOp::kDiv:
    case BinaryOp::kSquaredDifference:
      return;
  }
}

void CompareFloat(CompareOp op, const StridedLoop& loop, const float* a,
                  const float* b, uint8_t* y) {
  Compare(op, loop, a, b, y);
}

void CompareInt32(CompareOp op, const StridedLoop& loop, const int32_t* a,
                  const int32_t* b, uint8_t* y) {
  Compare(op, loop, a, b, y);
}

void Logical(LogicalOp op, const StridedLoop& loop, const uint8_t* a,
             const uint8_t* b, uint8_t* y) {
  if (op == LogicalOp::kAnd) {
    Broadcast(loop, a, b, y,
              [](uint8_t p, uint8_t q) { return p != 0 && q != 0; });
  } else {
    Broadcast(loop, a, b, y,
              [](uint8_t p, uint8_t q) { return p != 0 || q != 0; });
  }
}

void LogicalNot(const uint8_t* x, int n, uint8_t* y) {
  ForEach(x, n, [y](int i, uint8_t v) { y[i] = v == 0; });
}

void SelectFloat(const StridedLoop& loop, const uint8_t* condition,
                 const float* a, const float* b, float* y) {
  Select(loop, condition, a, b, y);
}

void SelectInt32(const StridedLoop& loop, const uint8_t* condition,
                 const int32_t* a, const int32_t* b, int32_t* y) {
  Select(loop, condition, a, b, y);
}

void Unary(UnaryOp op, const float* x, int n, float* y) {
  switch (op) {
    case UnaryOp::kNeg:
      return ForEach(x, n, [y](int i, float v) { y[i] = -v; });
    case UnaryOp::kAbs:
      return ForEach(x, n, [y](int i, float v) { y[i] = __builtin_fabsf(v); });
    case UnaryOp::kExp:
      return ForEach(x, n, [y](int i, float v) { y[i] = Exp(v); });
    case UnaryOp::kLog:
      return ForEach(x, n, [y](int i, float v) { y[i] = Log(v); });
    case UnaryOp::kSqrt:
      return ForEach(x, n, [y](int i, float v) { y[i] = Sqrt(v); });
    case UnaryOp::kRsqrt:
      return ForEach(x, n, [y](int i, float v) { y[i] = 1.0f / Sqrt(v); });
    case UnaryOp::kSquare:
      return ForEach(x, n, [y](int i, float v) { y[i] = v * v; });
    case UnaryOp::kFloor:
      return ForEach(x, n, [y](int i, float v) { y[i] = Floor(v); });
  }
}

void AddN(const float* const* inputs, int count, int n, float* y) {
  for (int i = 0; i < n; ++i) {
    float sum = inputs[0][i];
    for (int k = 1; k < count; ++k) sum += inputs[k][i];
    y[i] = sum;
  }
}

void CastFloatToInt32(const float* x, int n, int32_t* y) {
  ForEach(x, n, [y](int i, float v) { y[i] = Truncate(v); });
}

void CastInt32ToFloat(const int32_t* x, int n, float* y) {
  ForEach(x, n, [y](int i, int32_t v) { y[i] = static_cast<float>(v); });
}

void CastBoolToFloat(const uint8_t* x, int n, float* y) {
  ForEach(x, n, [y](int i, uint8_t v) { y[i] = v != 0 ? 1.0f : 0.0f; });
}

void CastBoolToInt32(const uint8_t* x, int n, int32_t* y) {
  ForEach(x, n, [y](int i, uint8_t v) { y[i] = v != 0; });
}

void CastFloatToBool(const float* x, int n, uint8_t* y) {
  ForEach(x, n, [y](int i, float v) { y[i] = v != 0.0f; });
}

void CastInt32ToBool(const int32_t* x, int n, uint8_t* y) {
  ForEach(x, n, [y](int i, int32_t v) { y[i] = v != 0; });
}

}  // namespace biotrain
