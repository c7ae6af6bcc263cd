# SPDX-License-Identifier: Apache-2.0
"""Where the data sets lie: where the user says, else $BIOTRAIN_DATA, else ../shared/data."""

from __future__ import annotations

import os
from pathlib import Path

from biotrain_tf.errors import BiotrainError

ENVIRONMENT = "BIOTRAIN_DATA"
_BESIDE_REPOSITORY = Path(__file__).resolve().parents[3] / "shared" / "data"


def root(data_dir: Path | None = None) -> Path:
    """One place only: whoever names a folder does not want another one silently."""
    if data_dir is not None:
        return data_dir
    from_environment = os.environ.get(ENVIRONMENT)
    return Path(from_environment) if from_environment else _BESIDE_REPOSITORY


def find(name: str, data_dir: Path | None = None) -> Path:
    """The folder of the set `name`."""
    folder = root(data_dir) / name
    if not folder.is_dir():
        raise BiotrainError(
            f"{name} not found in {root(data_dir)}; "
            f"give --data-dir or set {ENVIRONMENT} to the folder that holds it"
        )
    return folder
