# SPDX-License-Identifier: Apache-2.0
"""What Keras and LiteRT need on the host for a training step: their peak beyond what they had
before the first one.

Each runs in a process of its own, since a peak is a process's. The model and its batch are there
before: what is measured are activations, gradients, optimiser state and what the first step
compiles or allocates.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from biotrain_tf.bench.bench_models import NamedModel
from biotrain_tf.errors import BiotrainError

KERAS, LITERT = "Keras on the host", "LiteRT on the host"
STEPS = 2
_TIMEOUT_S = 300.0
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def host_bytes(plan: str, model: NamedModel, *, batch_size: int, folder: Path) -> int:
    """Peak minus before, of a process that trains ``model``. ``folder``: for what LiteRT needs."""
    path = folder / "host.keras"
    model.build().save(path)
    target = _builtin(path, folder, batch_size) if plan == LITERT else path
    command = [sys.executable, "-m", __name__, plan, str(target), str(batch_size)]
    command.append(str(model.n_outputs))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise BiotrainError(f"{plan}: wanted {STEPS} steps of {model.name}; found {last}")
    return int(json.loads(done.stdout.splitlines()[-1])["bytes"])


def _builtin(path: Path, folder: Path, batch_size: int) -> Path:
    from converters import convert

    return convert(
        str(path), output_dir=folder / "builtin", ops="builtin", batch_size=batch_size
    ).model_path


def _status(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise BiotrainError(f"memory: wanted {name} in {_STATUS}; found none; this needs Linux")


def _peak_of_steps(train: Any) -> int:
    # From here on the peak is that of the steps.
    _RESET.write_text("5")
    before = _status("VmRSS")
    for _ in range(STEPS):
        train()
    return _status("VmHWM") - before


def _keras(path: Path, batch_size: int, classes: int) -> int:
    import keras

    model = keras.models.load_model(path, compile=False)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    x, y = _batch(model.input_shape[1:], batch_size, classes)
    return _peak_of_steps(lambda: model.train_on_batch(x, y))


def _litert(path: Path, batch_size: int, classes: int) -> int:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    train = interpreter.get_signature_runner("train")
    details = train.get_input_details()
    x, y = _batch(tuple(details["x"]["shape"][1:]), batch_size, classes)
    return _peak_of_steps(lambda: train(x=x, y=y.astype(details["y"]["dtype"])))


def _batch(shape: tuple[int, ...], batch_size: int, classes: int) -> tuple[Any, Any]:
    generator = np.random.default_rng(1)
    x = generator.standard_normal((batch_size, *shape)).astype(np.float32)
    return x, (np.arange(batch_size) % classes).astype(np.int32)


def main(arguments: list[str]) -> int:
    plan, path, batch_size, classes = arguments
    measure = _keras if plan == KERAS else _litert
    print(json.dumps({"bytes": measure(Path(path), int(batch_size), int(classes))}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
