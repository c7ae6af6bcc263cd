# SPDX-License-Identifier: Apache-2.0
"""Rewritten gradients of all but convolutions, against float64 autodiff and differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from converters.gradients.norm import batch_norm, group_norm
from converters.gradients.registry import GRADIENTS, rewritten_gradients
from converters.gradients.update import sgd, sgd_momentum
from converters.step import losses
from tests.compare import assert_close
from tests.converters.autodiff import (
    WRITER,
    Case,
    autodiff,
    finite_differences,
    rewritten,
)


def normal(*shape: int, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def corners(*shape: int) -> np.ndarray:
    """Halves from -3 to 8: zeros, sixes and equal neighbours among them."""
    return (np.random.default_rng(1).integers(-6, 17, shape) / 2).astype(np.float32)


def pool(kind: str, padding: str, size: int, kernel: Any, strides: Any, ties: bool) -> Case:
    op = tf.nn.max_pool2d if kind == "max" else tf.nn.avg_pool2d
    x = corners(2, size, size + 3, 3) if ties else normal(2, size, size + 3, 3, seed=4)
    name = f"{kind}-{padding}-{size}-k{kernel}-s{strides}" + ("-ties" if ties else "")
    return Case(name.replace(" ", ""), lambda x: op(x, kernel, strides, padding), (x,))


def pools() -> list[Case]:
    """Tiling, overlapping, gaping; odd sizes; windows larger than the input; ties."""
    windows: list[tuple[int, Any, Any]] = [
        (6, (1, 4), (1, 4)),
        (7, (1, 4), (1, 4)),
        (9, (2, 2), (2, 2)),
        (8, (3, 3), (1, 1)),
        (8, (3, 4), (2, 1)),
        (9, (2, 5), (1, 3)),
        (9, (2, 2), (3, 4)),
        (3, (3, 6), (3, 6)),
        (5, (1, 1), (1, 1)),
        (5, (1, 1), (2, 2)),
    ]
    cases = [
        pool(kind, padding, *window, ties=kind == "max" and n % 2 == 0)
        for kind in ("avg", "max")
        for padding in ("SAME", "VALID")
        for n, window in enumerate(windows)
    ]
    cases.append(pool("max", "SAME", 3, (5, 7), (1, 2), ties=True))
    constant = np.zeros((1, 4, 6, 2), np.float32)
    cases.append(Case("max-all-equal", lambda x: tf.nn.max_pool2d(x, 2, 1, "SAME"), (constant,)))
    return cases


def activations() -> list[Case]:
    functions: dict[str, Callable[..., tf.Tensor]] = {
        "relu": tf.nn.relu,
        "relu6": tf.nn.relu6,
        "elu": tf.nn.elu,
        "tanh": tf.tanh,
        "sigmoid": tf.sigmoid,
        "leaky": lambda x: tf.nn.leaky_relu(x, 0.3),
        "leaky-small": lambda x: tf.nn.leaky_relu(x, 0.01),
        "square": tf.square,
        "clip": lambda x: tf.clip_by_value(x, tf.cast(-1.25, x.dtype), tf.cast(2.5, x.dtype)),
    }
    cases = []
    for name, function in functions.items():
        cases.append(Case(f"{name}-corners", function, (corners(3, 40),)))
        cases.append(Case(f"{name}-normal", function, (normal(2, 5, 7, scale=2),)))
    return cases


def shapes() -> list[Case]:
    x = normal(2, 3, 4, 5)
    return [
        Case("reshape", lambda x: tf.square(tf.reshape(x, [6, 20])), (x,)),
        Case("expand", lambda x: tf.square(tf.expand_dims(x, 2)), (x,)),
        Case("squeeze", lambda x: tf.square(tf.squeeze(x, [1])), (normal(3, 1, 4),)),
        Case("transpose", lambda x: tf.transpose(x, [2, 0, 3, 1]), (x,)),
        Case("pad", lambda x: tf.pad(x, [[0, 0], [1, 2], [3, 0], [0, 0]]), (x,)),
        Case(
            "pad-value", lambda x: tf.pad(x, [[0, 0], [1, 0], [0, 4]], constant_values=2), (x[0],)
        ),
        Case("concat-last", lambda a, b: tf.concat([a, b, a], -1), (x, normal(2, 3, 4, 2))),
        Case("concat-1", lambda a, b: tf.concat([a, b], 1), (x, normal(2, 6, 4, 5))),
        Case("mean-0", lambda x: tf.reduce_mean(tf.square(x), 0), (x,)),
        Case("mean-13", lambda x: tf.reduce_mean(tf.square(x), [1, -1]), (x,)),
        Case("mean-kept", lambda x: tf.reduce_mean(x, [1, 2], keepdims=True), (x,)),
        Case("mean-all", lambda x: tf.reduce_mean(tf.square(x)), (x,)),
        Case("sum-2", lambda x: tf.reduce_sum(tf.square(x), 2), (x,)),
        Case("sum-kept", lambda x: tf.reduce_sum(x, [0, 3], keepdims=True), (x,)),
        Case("sum-all", lambda x: tf.reduce_sum(tf.square(x)), (x,)),
        Case("bias-2d", lambda x, b: tf.square(tf.nn.bias_add(x, b)), (normal(7, 5), normal(5))),
        Case("log", lambda x: tf.math.log(x), (np.exp(x),)),
        Case("maximum-rows", lambda a, b: tf.maximum(a, b), (x, normal(3, 1, 5, seed=2))),
        Case("minimum-equal-shapes", lambda a, b: tf.minimum(a, b), (x, normal(*x.shape, seed=3))),
        Case("gather", lambda x: tf.gather(x, [[1, 0, 1], [1, 1, 1]]), (x,)),
        Case("slice-last-step", lambda x: x[:, -1], (x,)),
        Case("slice-inside", lambda x: x[:, 1:, 2:3, -4:-1], (x,)),
        Case("slice-up-to", lambda x: x[1:, :2, 3], (x,)),
        Case("bias-4d", lambda x, b: tf.square(tf.nn.bias_add(x, b)), (x, normal(5))),
    ]


def plain_norm(x: tf.Tensor, gamma: Any, beta: Any, axes: list[int], epsilon: float) -> tf.Tensor:
    mean = tf.reduce_mean(x, axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(x - mean), axes, keepdims=True)
    return (x - mean) / tf.sqrt(variance + epsilon), gamma, beta


def batch_norm_case(name: str, shape: tuple[int, ...], *, offset: float, epsilon: float) -> Case:
    x = normal(*shape, seed=5) + np.float32(offset)
    gamma, beta = normal(shape[-1], seed=6) + 1, normal(shape[-1], seed=7)

    def function(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
        return batch_norm(x, gamma, beta, epsilon=epsilon, writer=WRITER)[0]

    def reference(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
        axes = list(range(len(shape) - 1))
        return plain_norm(tf.convert_to_tensor(x), gamma, beta, axes, epsilon)[0] * gamma + beta

    return Case(f"batchnorm-{name}", function, (x, gamma, beta), reference)


def group_norm_case(shape: tuple[int, int, int], groups: int, *, epsilon: float = 1e-3) -> Case:
    x = normal(*shape, seed=8) + 0.5
    gamma, beta = normal(shape[-1], seed=9) + 1, normal(shape[-1], seed=10)

    def function(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
        return group_norm(x, gamma, beta, groups=groups, epsilon=epsilon, writer=WRITER)

    def reference(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
        split = tf.reshape(x, [shape[0], shape[1], groups, shape[2] // groups])
        normalised, *_ = plain_norm(split, gamma, beta, [1, 3], epsilon)
        return tf.reshape(normalised, shape) * gamma + beta

    name = "groupnorm-" + "x".join(map(str, shape)) + f"-g{groups}"
    return Case(name, function, (x, gamma, beta), reference)


def norms() -> list[Case]:
    return [
        batch_norm_case("2d", (16, 5), offset=0, epsilon=1e-3),
        batch_norm_case("4d", (3, 4, 9, 6), offset=1, epsilon=1e-3),
        batch_norm_case("one-sample", (1, 2, 30, 3), offset=-2, epsilon=1e-5),
        batch_norm_case("epsilon-large", (8, 7), offset=0, epsilon=1.0),
        group_norm_case((2, 10, 6), 1),
        group_norm_case((2, 10, 6), 3),
        group_norm_case((3, 7, 4), 4),
        group_norm_case((12, 1, 9), 1),
    ]


# TensorFlow's own AvgPoolGrad is wrong where a window is larger than the input on both sides:
# finite differences of its own forward pass say so, and this one is compared with those alone.
LARGE_WINDOW = pool("avg", "SAME", 3, (5, 7), (1, 2), ties=False)
PLAIN = {c.name: c for c in [*pools(), *activations(), *shapes()]}
NORMS = {c.name: c for c in norms()}


@pytest.mark.parametrize("name", PLAIN)
def test_against_autodiff(name: str) -> None:
    case = PLAIN[name]
    for k, (ours, theirs) in enumerate(
        zip(rewritten(case), autodiff(case.function, case), strict=True)
    ):
        assert_close(ours, theirs, "gradient", what=f"{name} input {k}")


@pytest.mark.parametrize("name", NORMS)
def test_norms_against_autodiff(name: str) -> None:
    case = NORMS[name]
    assert case.reference is not None
    y = case.function(*[tf.constant(x) for x in case.inputs])
    exact = case.reference(*[tf.constant(x, tf.float64) for x in case.inputs])
    assert_close(y, exact, "forward", what=f"{name} y")
    expected = autodiff(case.reference, case)
    for what, ours, theirs in zip(("x", "gamma", "beta"), rewritten(case), expected, strict=True):
        assert_close(ours, theirs, "long_gradient", what=f"{name} d{what}")


@pytest.mark.parametrize(
    "name",
    [
        LARGE_WINDOW.name,
        *NORMS,
        *(n for n in PLAIN if "ties" not in n and "equal" not in n and "corners" not in n),
    ],
)
def test_finite_differences(name: str) -> None:
    case = (PLAIN | NORMS | {LARGE_WINDOW.name: LARGE_WINDOW})[name]
    compared = zip(rewritten(case), finite_differences(case, samples=8), strict=True)
    for k, (ours, (index, slopes)) in enumerate(compared):
        scale = np.abs(ours).max()
        picked = np.append(ours.ravel()[index], scale)
        expected = np.append(slopes, scale)
        assert_close(picked, expected, "long_gradient", what=f"{name} input {k}")


def test_max_pool_ties_go_to_the_first() -> None:
    x = np.zeros((1, 2, 4, 1), np.float32)
    case = Case("first", lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"), (x,))
    (gradient,) = rewritten(case)
    expected = np.zeros_like(x)
    expected[0, 0, [0, 2], 0] = case.slope()[0, 0, :, 0]
    assert_close(gradient, expected, "exact", what="ties")


def test_every_registered_gradient_is_tested() -> None:
    """Traces all cases and looks which op types they hold."""
    from tests.converters.test_gradients_convolution import CASES

    seen: set[str] = set()
    for case in [*PLAIN.values(), *list(CASES.values())[:1], *list(CASES.values())[-1:]]:
        graph = tf.Graph()
        with graph.as_default(), rewritten_gradients(WRITER):
            case.function(*[tf.constant(x) for x in case.inputs])
        seen |= {op.type for op in graph.get_operations()}
    assert len(seen) > 15
    assert set(GRADIENTS) <= seen, set(GRADIENTS) - seen


LOSSES: dict[str, tuple[Any, Any, np.ndarray]] = {
    "sparse": (
        losses.sparse_categorical_crossentropy,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        np.array([0, 2, 3, 1, 2, 0], np.int32),
    ),
    "categorical": (
        losses.categorical_crossentropy,
        keras.losses.CategoricalCrossentropy(from_logits=True),
        np.eye(4, dtype=np.float32)[[0, 2, 3, 1, 2, 0]],
    ),
    "soft-categorical": (
        losses.categorical_crossentropy,
        keras.losses.CategoricalCrossentropy(from_logits=True),
        np.full((6, 4), 0.25, np.float32),
    ),
    "binary": (
        losses.binary_crossentropy,
        keras.losses.BinaryCrossentropy(from_logits=True),
        (normal(6, 4, seed=12) > 0).astype(np.float32),
    ),
    "mse": (losses.mse, keras.losses.MeanSquaredError(), normal(6, 4, seed=13)),
}


@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_their_gradients_match_keras(name: str, scale: float) -> None:
    function, reference, y = LOSSES[name]
    logits = normal(6, 4, scale=scale, seed=11)
    exact = tf.constant(logits, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(exact)
        expected = reference(y if y.dtype == np.int32 else y.astype(np.float64), exact)

    @tf.function
    def run(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with rewritten_gradients(WRITER):
            loss = function(tf.constant(y), logits)
        return loss, tf.gradients(loss, logits)[0]

    loss, gradient = run(tf.constant(logits))
    assert_close(loss, expected, "forward", what=f"{name} loss")
    assert_close(gradient, tape.gradient(expected, exact), "gradient", what=f"{name} gradient")


def test_losses_stay_finite_far_out() -> None:
    logits = tf.constant([[1e4, -1e4, 0.0, 50.0]], tf.float32)
    compared = 0
    for name, (function, _, y) in LOSSES.items():
        loss = float(function(tf.constant(y[:1]), logits))
        compared += 1
        assert np.isfinite(loss), name
    assert compared == 5


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_updates_are_keras_sgd_bit_for_bit(momentum: float) -> None:
    start, velocity = normal(50, seed=14), normal(50, scale=0.1, seed=15)
    gradient = normal(50, seed=16)
    variable = keras.Variable(start)
    optimizer = keras.optimizers.SGD(0.05, momentum=momentum)
    optimizer.build([variable])
    arguments: dict[str, Any] = {"learning_rate": 0.05, "writer": WRITER}
    if momentum:
        optimizer.momentums[0].assign(velocity)
        w, m = sgd_momentum(start, velocity, gradient, momentum=momentum, **arguments)
    else:
        w, m = sgd(start, gradient, **arguments), None
    optimizer.apply([tf.constant(gradient)])
    assert_close(w, variable.numpy(), "exact", what="weights")
    if m is not None:
        assert_close(m, optimizer.momentums[0].numpy(), "exact", what="momentum")
