// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/kernels/elementwise.h"

#include "tflm_train/kernels/activation.h"
#include "tflm_train/kernels/math.h"
#include "tflm_train/kernels/repeat.h"

namespace biotrain {
namespace {

// One run along the last dim. Steps are 1, 0 (repeated) or any other.
template <typename In, typename Out>
using Row = void (*)(const In* p, int p_step, const In* q, int q_step, int n,
                     Out* y);

// Not a template of the function, for the size of the program.
template <typename In, typename Out>
void Broadcast(const StridedLoop& loop, const In* a, const In* b, Out* y,
               Row<In, Out> row) {
  const int last = loop.rank - 1;
  loop.ForEachRow([=, &loop](const int* offsets) {
    row(a + offsets[1], loop.strides[1][last], b + offsets[2],
        loop.strides[2][last], loop.dims[last], y + offsets[0]);
  });
}

template <typename Function, typename In, typename Out>
void AnyRow(const In* p, int p_step, const In* q, int q_step, int n, Out* y) {
  for (int i = 0; i < n; ++i, p += p_step, q += q_step) {
    y[i] = Function::Of(*p, *q);
  }
}

// With loops a compiler can vectorise for what nearly every row is. Unrolled
// for biases, which are worth the room.
template <typename Function, bool kUnrolled = false>
void FloatRow(const float* p, int p_step, const float* q, int q_step, int n,
              float* y) {
  if (p_step == 1 && q_step == 1) {
    for (int i = 0; i < n; ++i) y[i] = Function::Of(p[i], q[i]);
  } else if (p_step == 1 && q_step == 0) {
    const float right = *q;
    int i = 0;
    if (kUnrolled) {
      for (; i + 4 <= n; i += 4) {
        Repeat<4>([=](auto ahead) BIOTRAIN_INLINE {
          y[i + ahead] = Function::Of(p[i + ahead], right);
        });
      }
    }
    for (; i < n; ++i) y[i] = Function::Of(p[i], right);
  } else {
    AnyRow<Function>(p, p_step, q, q_step, n, y);
  }
}

struct Plus {
  static float Of(float p, float q) { return p + q; }
};
struct Minus {
  static float Of(float p, float q) { return p - q; }
};
struct Times {
  static float Of(float p, float q) { return p * q; }
};
struct Over {
  static float Of(float p, float q) { return p / q; }
};
struct SquaredDifference {
  static float Of(float p, float q) { return (p - q) * (p - q); }
};
// A NaN on the right is chosen because no comparison with it holds.
struct Minimum {
  template <typename T>
  static T Of(T p, T q) {
    return p < q || p != p ? p : q;
  }
};
struct Maximum {
  template <typename T>
  static T Of(T p, T q) {
    return p > q || p != p ? p : q;
  }
};

// Unsigned, where overflow is defined.
struct WrappedPlus {
  static int32_t Of(int32_t p, int32_t q) {
    return static_cast<int32_t>(uint32_t(p) + uint32_t(q));
  }
};
struct WrappedMinus {
  static int32_t Of(int32_t p, int32_t q) {
    return static_cast<int32_t>(uint32_t(p) - uint32_t(q));
  }
};
struct WrappedTimes {
  static int32_t Of(int32_t p, int32_t q) {
    return static_cast<int32_t>(uint32_t(p) * uint32_t(q));
  }
};

struct Equal {
  template <typename T>
  static uint8_t Of(T p, T q) {
    return p == q;
  }
};
struct NotEqual {
  template <typename T>
  static uint8_t Of(T p, T q) {
    return p != q;
  }
};
struct Less {
  template <typename T>
  static uint8_t Of(T p, T q) {
    return p < q;
  }
};
struct LessEqual {
  template <typename T>
  static uint8_t Of(T p, T q) {
    return p <= q;
  }
};
struct Greater {
  template <typename T>
  static uint8_t Of(T p, T q) {
    return p > q;
  }
};
struct GreaterEqual {
  template <typename T>
  static uint8_t Of(T p, T q) {
    return p >= q;
  }
};
struct And {
  static uint8_t Of(uint8_t p, uint8_t q) { return p != 0 && q != 0; }
};
struct Or {
  static uint8_t Of(uint8_t p, uint8_t q) { return p != 0 || q != 0; }
};

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
Row<T, uint8_t> CompareRow(CompareOp op) {
  switch (op) {
    case CompareOp::kEqual:
      return AnyRow<Equal>;
    case CompareOp::kNotEqual:
      return AnyRow<NotEqual>;
    case CompareOp::kGreater:
      return AnyRow<Greater>;
    case CompareOp::kGreaterEqual:
      return AnyRow<GreaterEqual>;
    case CompareOp::kLess:
      return AnyRow<Less>;
    case CompareOp::kLessEqual:
      return AnyRow<LessEqual>;
  }
  return nullptr;
}

Row<float, float> BinaryFloatRow(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd:
      return FloatRow<Plus, true>;
    case BinaryOp::kSub:
      return FloatRow<Minus>;
    case BinaryOp::kMul:
      return FloatRow<Times>;
    case BinaryOp::kDiv:
      return FloatRow<Over>;
    case BinaryOp::kMinimum:
      return FloatRow<Minimum>;
    case BinaryOp::kMaximum:
      return FloatRow<Maximum>;
    case BinaryOp::kSquaredDifference:
      return FloatRow<SquaredDifference>;
  }
  return nullptr;
}

Row<int32_t, int32_t> BinaryInt32Row(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd:
      return AnyRow<WrappedPlus>;
    case BinaryOp::kSub:
      return AnyRow<WrappedMinus>;
    case BinaryOp::kMul:
      return AnyRow<WrappedTimes>;
    case BinaryOp::kMinimum:
      return AnyRow<Minimum>;
    case BinaryOp::kMaximum:
      return AnyRow<Maximum>;
    case BinaryOp::kDiv:
    case BinaryOp::kSquaredDifference:
      break;
  }
  return nullptr;
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
  Broadcast(loop, a, b, y, BinaryFloatRow(op));
  Activate(loop, activation, y);
}

void BinaryInt32(BinaryOp op, const StridedLoop& loop, const int32_t* a,
                 const int32_t* b, int32_t* y) {
  Broadcast(loop, a, b, y, BinaryInt32Row(op));
}

void CompareFloat(CompareOp op, const StridedLoop& loop, const float* a,
                  const float* b, uint8_t* y) {
  Broadcast(loop, a, b, y, CompareRow<float>(op));
}

void CompareInt32(CompareOp op, const StridedLoop& loop, const int32_t* a,
                  const int32_t* b, uint8_t* y) {
  Broadcast(loop, a, b, y, CompareRow<int32_t>(op));
}

void Logical(LogicalOp op, const StridedLoop& loop, const uint8_t* a,
             const uint8_t* b, uint8_t* y) {
  Row<uint8_t, uint8_t> row = AnyRow<And>;
  if (op == LogicalOp::kOr) row = AnyRow<Or>;
  Broadcast(loop, a, b, y, row);
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
