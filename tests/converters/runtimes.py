# SPDX-License-Identifier: Apache-2.0
"""The stock runtimes behind one function each: (conversion, x, y) -> Trained."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from converters import ConversionResult
from tests.converters import signature_steps

INFER, TRAIN, SAVE, RESTORE = range(4)
TFLM_ARENA_BYTES = 48 << 20
REPO = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Trained:
    """``again`` is the loss of the first step, once more from the restored first state."""

    losses: np.ndarray
    outputs: np.ndarray
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    again: float


def _from_arrays(arrays: Mapping[str, np.ndarray]) -> Trained:
    def side(prefix: str) -> dict[str, np.ndarray]:
        return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

    losses, outputs, again = arrays["losses"], arrays["outputs"], arrays["again"]
    return Trained(losses, outputs, side("before:"), side("after:"), float(again[0]))


def litert(conversion: ConversionResult, x: np.ndarray, y: np.ndarray) -> Trained:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(conversion.model_path))
    return _from_arrays(signature_steps.run(interpreter, x, y))


def compat_python() -> Path:
    """The Python that has tflite-runtime; skips, with the cure, where there is none."""
    named = os.environ.get("BIOTRAIN_COMPAT_PYTHON")
    python = Path(named) if named else REPO / ".venv-compat" / "bin" / "python"
    if not python.exists():
        pytest.skip(
            f"needs tflite-runtime in {python}: `make test` creates it "
            "(or set BIOTRAIN_COMPAT_PYTHON)"
        )
    return python


def tflite_runtime(conversion: ConversionResult, x: np.ndarray, y: np.ndarray) -> Trained:
    python = compat_python()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "batches.npz", x=x, y=y)
        files = [str(conversion.model_path), str(folder / "batches.npz"), str(folder / "out.npz")]
        done = subprocess.run(
            [str(python), signature_steps.__file__, *files],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        with np.load(folder / "out.npz") as stored:
            return _from_arrays(dict(stored))


class Selector:
    """TFLM's interpreter on a builtin flatbuffer: subgraph 0 is select(mode, x, y, variables)."""

    def __init__(self, conversion: ConversionResult) -> None:
        from tflite_micro.python.tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_file(
            str(conversion.model_path), arena_size=TFLM_ARENA_BYTES
        )
        self._shapes: dict[str, list[int]] = conversion.report["variables"]

    def _invoke(self, mode: int, **inputs: Any) -> None:
        self._interpreter.set_input(np.int32(mode), 0)
        for index, name in enumerate(("x", "y", "variables"), start=1):
            if name in inputs:
                self._interpreter.set_input(inputs[name], index)
        self._interpreter.invoke()

    def _variables(self) -> np.ndarray:
        logits = self._interpreter.get_output(2)
        # Models that end in softmax have logits between output and variables.
        flat = logits if logits.ndim == 1 else self._interpreter.get_output(3)
        return np.array(flat)

    def train(self, x: np.ndarray, y: np.ndarray) -> float:
        self._invoke(TRAIN, x=x, y=y)
        return float(np.ravel(self._interpreter.get_output(0))[0])

    def infer(self, x: np.ndarray) -> np.ndarray:
        self._invoke(INFER, x=x)
        return np.array(self._interpreter.get_output(1))

    def save(self) -> np.ndarray:
        self._invoke(SAVE)
        return self._variables()

    def restore(self, variables: np.ndarray) -> None:
        self._invoke(RESTORE, variables=variables)

    def by_name(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """The flat state, cut up in the order of the save signature, which is that of the names."""
        named, start = {}, 0
        for name in sorted(self._shapes):
            size = int(np.prod(self._shapes[name], dtype=int))
            named[name] = flat[start : start + size].reshape(self._shapes[name])
            start += size
        assert start == flat.size, f"{flat.size} saved values, {start} in the report"
        return named


def tflm(conversion: ConversionResult, x: np.ndarray, y: np.ndarray) -> Trained:
    pytest.importorskip(
        "tflite_micro", reason="needs tflite-micro: pip install -r requirements-test.txt"
    )
    selector = Selector(conversion)
    before = selector.save()
    losses, outputs = [], []
    for batch, labels in zip(x, y, strict=True):
        losses.append(selector.train(batch, labels))
        outputs.append(selector.infer(x[0]))
    after = selector.save()
    selector.restore(before)
    again = selector.train(x[0], y[0])
    return Trained(
        np.array(losses),
        np.stack(outputs),
        selector.by_name(before),
        selector.by_name(after),
        again,
    )


RUNTIMES: Mapping[str, Callable[[ConversionResult, np.ndarray, np.ndarray], Trained]] = (
    MappingProxyType({"litert": litert, "tflite-runtime": tflite_runtime, "tflm": tflm})
)
