# SPDX-License-Identifier: Apache-2.0
"""Gradients of one function, rewritten by the converter, TensorFlow's own, and by differences."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from converters.gradients.registry import rewritten_gradients
from converters.gradients.writer import Writer

Function = Callable[..., tf.Tensor]
WRITER = Writer(compact=False)


@dataclass(frozen=True)
class Case:
    """``function(*inputs)`` is differentiated; ``reference`` is the same where TF cannot run it."""

    name: str
    function: Function
    inputs: tuple[np.ndarray, ...]
    reference: Function | None = None

    def __str__(self) -> str:
        return self.name

    def slope(self) -> np.ndarray:
        """dy, random but the same every time."""
        shape = (self.reference or self.function)(*self.inputs).shape
        generator = np.random.default_rng(len(self.name))
        return generator.normal(size=shape).astype(np.float32)


def _rewritten(case: Case, inputs: Sequence[tf.Tensor], slope: tf.Tensor) -> list[tf.Tensor]:
    with rewritten_gradients(WRITER):
        y = case.function(*inputs)
    return list(tf.gradients(y, list(inputs), grad_ys=slope))


def rewritten(case: Case) -> list[np.ndarray]:
    """Float32, by TensorFlow's kernels."""
    run = tf.function(lambda inputs, slope: _rewritten(case, inputs, slope))
    gradients = run([tf.constant(x) for x in case.inputs], tf.constant(case.slope()))
    return [g.numpy() for g in gradients]


def rewritten_on_litert(cases: Sequence[Case]) -> dict[str, list[np.ndarray]]:
    """Float32, by LiteRT's kernels: all cases in one flatbuffer of builtins."""
    from ai_edge_litert.interpreter import Interpreter

    values = {f"c{n}_{k}": x for n, c in enumerate(cases) for k, x in enumerate(c.inputs)}
    values |= {f"c{n}_dy": c.slope() for n, c in enumerate(cases)}

    def run(**given: tf.Tensor) -> dict[str, tf.Tensor]:
        out = {}
        for n, case in enumerate(cases):
            inputs = [given[f"c{n}_{k}"] for k in range(len(case.inputs))]
            for k, gradient in enumerate(_rewritten(case, inputs, given[f"c{n}_dy"])):
                out[f"c{n}_{k}"] = tf.identity(gradient)
        return out

    specs = {name: tf.TensorSpec(x.shape, tf.float32, name=name) for name, x in values.items()}
    module = tf.Module()
    module.run = tf.function(run)
    function = module.run.get_concrete_function(**specs)
    with tempfile.TemporaryDirectory() as folder:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, folder, signatures={"run": function}, options=options)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["run"])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        flatbuffer = converter.convert()
    results = Interpreter(model_content=flatbuffer).get_signature_runner("run")(**values)
    return {
        case.name: [np.array(results[f"c{n}_{k}"]) for k in range(len(case.inputs))]
        for n, case in enumerate(cases)
    }


def autodiff(function: Function, case: Case) -> list[np.ndarray]:
    """Float64, TensorFlow's own gradients."""
    inputs = [tf.constant(x, tf.float64) for x in case.inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = function(*inputs)
    slope = tf.constant(case.slope(), tf.float64)
    gradients = tape.gradient(y, inputs, output_gradients=slope)
    return [tf.convert_to_tensor(g).numpy() for g in gradients]


def finite_differences(case: Case, *, samples: int = 12) -> list[tuple[np.ndarray, np.ndarray]]:
    """Float64 central differences at some elements of each input: (flat indices, slopes)."""
    function = case.reference or case.function
    generator = np.random.default_rng(0)
    slope = case.slope().astype(np.float64)
    values = [x.astype(np.float64) for x in case.inputs]
    step = 1e-5
    found = []
    for k, x in enumerate(values):
        picked = generator.permutation(x.size)[:samples]
        slopes = []
        for i in picked:
            ends = []
            for sign in (1, -1):
                moved = x.copy()
                moved.ravel()[i] += sign * step
                inputs = [tf.constant(v) for v in (*values[:k], moved, *values[k + 1 :])]
                ends.append(float(np.sum(function(*inputs).numpy() * slope)))
            slopes.append((ends[0] - ends[1]) / (2 * step))
        found.append((picked, np.array(slopes)))
    return found
