# SPDX-License-Identifier: Apache-2.0
"""`biotrain bench host`: a training step of EEGNet on this machine, beside other frameworks.

One thread each, in turn, a step a round: what disturbs the machine disturbs all of them. The
median of the rounds counts, as a ratio to the host runner.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from biotrain_tf.bench.bench_models import NAMED
from biotrain_tf.bench.contenders import (
    Contender,
    HostRunner,
    KerasTrainOnBatch,
    LiteRT,
    OnnxRuntime,
    PyTorch,
    TensorFlowFunction,
)
from biotrain_tf.errors import BiotrainError

_MODEL = NAMED["eegnet"]
_WARM_UP = 3

Row = dict[str, Any]


def bench_host(
    *,
    batches: Sequence[int],
    rounds: int,
    on_progress: Callable[[str], None] = lambda text: None,
) -> list[Row]:
    """A row for each framework and batch size; what is not installed is in the list too."""
    _use_one_thread()
    rows: list[Row] = []
    for batch in batches:
        if batch < 1:
            raise BiotrainError(f"batch size: wanted at least 1; found {batch}")
        on_progress(f"batch {batch}: converting and warming up")
        with tempfile.TemporaryDirectory(prefix="biotrain-bench-") as folder:
            contenders, missing = contenders_of(_MODEL.build(), batch, Path(folder))
            try:
                rows += _race(contenders, batch, rounds, on_progress)
            finally:
                for contender in contenders:
                    contender.close()
        rows += [_row(name, batch, status="not run", reason=why) for name, why in missing.items()]
    return rows


def _use_one_thread() -> None:
    # At their best: with the kernels of oneDNN, which the command leaves out for equal bits.
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        raise BiotrainError(
            "threads: TensorFlow has already started with several; use a process of its own"
        ) from None


def contenders_of(model: Any, batch: int, folder: Path) -> tuple[list[Contender], dict[str, str]]:
    """Who trains this EEGNet on the same batch from the same weights, and why others do not."""
    from converters import convert

    generator = np.random.default_rng(1)
    x = generator.standard_normal((batch, *model.input_shape[1:]), np.float32)
    y = (np.arange(batch) % model.output_shape[-1]).astype(np.int32)
    paths = {
        ops: convert(model, output_dir=folder / ops, ops=ops, batch_size=batch).model_path
        for ops in ("micro", "builtin")
    }
    contenders: list[Contender] = [
        HostRunner(paths["micro"], x, y, folder),
        LiteRT(paths["builtin"], x, y, folder),
        KerasTrainOnBatch(model, x, y),
        TensorFlowFunction(model, x, y),
    ]
    missing = {}
    if importlib.util.find_spec("torch") is not None:
        contenders.append(PyTorch(model, x, y))
    else:
        missing[PyTorch.name] = (
            "not installed: pip install torch --index-url https://download.pytorch.org/whl/cpu"
        )
    if _has_onnxruntime_training():
        contenders.append(OnnxRuntime(model, x, y, folder))
    else:
        missing[OnnxRuntime.name] = "not installed: pip install onnxruntime-training onnx"
    return contenders, missing


def _has_onnxruntime_training() -> bool:
    """Plain onnxruntime goes by the same name."""
    try:
        importlib.import_module("onnx")
        importlib.import_module("onnxruntime.training.api")
    except ImportError:
        return False
    return True


def _race(
    contenders: Sequence[Contender],
    batch: int,
    rounds: int,
    on_progress: Callable[[str], None],
) -> list[Row]:
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for i in range(_WARM_UP + rounds):
        if i % 10 == 0:
            on_progress(f"batch {batch}: round {i} of {_WARM_UP + rounds}")
        for contender in contenders:
            taken = contender.step()
            if i >= _WARM_UP:
                times[contender.name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    base = medians[HostRunner.name]
    return [
        _row(
            name,
            batch,
            status="ran",
            rounds=rounds,
            median_ms=round(median * 1e3, 4),
            fastest_ms=round(min(times[name]) * 1e3, 4),
            ratio=round(median / base, 3),
        )
        for name, median in medians.items()
    ]


def _row(framework: str, batch: int, **figures: Any) -> Row:
    return {
        "framework": framework,
        "model": _MODEL.name,
        "shape": f"{batch}x{_MODEL.n_chans}x{_MODEL.n_times}",
        "batch": batch,
        **figures,
    }


def print_host(console: Console, rows: Sequence[Row]) -> None:
    batches = list(dict.fromkeys(row["batch"] for row in rows))
    table = Table(
        title=f"A training step of {_MODEL.name}, one thread, rounds in turn", title_justify="left"
    )
    table.add_column("framework")
    for batch in batches:
        table.add_column(f"batch {batch}, ms", justify="right")
        table.add_column("ratio", justify="right")
    table.add_column("")
    for name in dict.fromkeys(row["framework"] for row in rows):
        cells, reason = [], ""
        for batch in batches:
            row = next(r for r in rows if r["framework"] == name and r["batch"] == batch)
            ran = row["status"] == "ran"
            reason = reason if ran else row["reason"]
            cells += [f"{row['median_ms']:.2f}", f"{row['ratio']:.2f}"] if ran else ["–", "–"]
        table.add_row(name, *cells, reason)
    console.print(table)
    console.print("ratio: median time over that of the host runner", highlight=False)
