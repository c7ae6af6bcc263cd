# SPDX-License-Identifier: Apache-2.0
"""The code of docs/stock-runtimes.md runs, block after block, and the two runtimes agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from converters import convert
from tests.compare import assert_close
from tests.models import eegnet


def test_page_runs(repo: Path, tmp_path: Path) -> None:
    model = eegnet()
    conversion = convert(model, ops="builtin", batch_size=2, output_dir=tmp_path)
    rng = np.random.default_rng(0)
    names: dict[str, Any] = {
        "model_path": str(conversion.model_path),
        "x": rng.standard_normal((2, *model.input_shape[1:])).astype(np.float32),
        "y": np.array([0, 1], np.int32),
    }
    text = (repo / "docs" / "stock-runtimes.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    exec(blocks[0], names)
    litert = (names["loss"], names["output"])
    exec(blocks[1], names)
    assert_close(names["loss"], litert[0], "loss", what="TFLM and LiteRT, loss")
    assert_close(names["output"], litert[1], "output", what="TFLM and LiteRT, output")
