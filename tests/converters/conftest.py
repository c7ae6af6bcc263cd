# SPDX-License-Identifier: Apache-2.0
"""Conversions, each made once per test run, whatever the number of workers."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

STANDARD: dict[str, Any] = {
    "ops": "micro",
    "batch_size": 8,
    "optimizer": "momentum",
    "learning_rate": 0.1,
    "momentum": 0.9,
    "seed": 71,
}
"""Options of the conversions that tests share: what is converted alike is converted once."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`converted("eegnet", ops="builtin", batch_size=1)` converts a model of tests/models.py.

    What is not said is STANDARD.
    """
    from converters import ConversionResult, convert
    from tests.models import MODELS

    base = tmp_path_factory.getbasetemp()
    # Workers of pytest-xdist have folders of their own inside a common one.
    shared = base.parent if base.name.startswith("popen-") else base
    # A folder of one's own keeps conversions between runs, for work on the tests.
    # Nothing ever clears it.
    kept = os.environ.get("BIOTRAIN_TEST_CACHE")
    cache = Path(kept) if kept else shared / "conversions"

    def get(model: str, **options: Any) -> ConversionResult:
        options = STANDARD | options
        key = "-".join([model, *(f"{k}_{v}" for k, v in sorted(options.items()))])
        folder = cache / key
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "lock"):
            report_path = folder / "report.json"
            if not report_path.exists():
                convert(MODELS[model](), output_dir=folder, **options)
            report = json.loads(report_path.read_text())
        arena = (report["ram_bytes"] or {"arena": 0})["arena"]
        return ConversionResult(Path(report["files"]["model"]), report_path, arena, report)

    return get
