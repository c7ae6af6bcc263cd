# SPDX-License-Identifier: Apache-2.0
"""Importing costs nothing that is not asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "statement",
    ["import biotrain_tf", "from biotrain_tf.cli import main; main.main(['--help'])"],
    ids=["import", "help"],
)
def test_tensorflow_is_imported_only_when_needed(statement: str) -> None:
    heavy = "sorted({'tensorflow', 'keras', 'mne', 'matplotlib'} & set(sys.modules))"
    program = f"import sys; {statement}; print('loaded', {heavy})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded []"


def test_convert_is_reexported() -> None:
    import biotrain_tf
    from converters import convert

    assert biotrain_tf.convert is convert
    with pytest.raises(AttributeError, match="no attribute 'convrt'"):
        _ = biotrain_tf.convrt
