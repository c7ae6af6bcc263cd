# SPDX-License-Identifier: Apache-2.0
"""The linters are tests, so the whole check ends in one closing line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import REPO, project_files

BIN = Path(sys.executable).parent


def run(*command: str, cure: str = "`make format` may mend it") -> None:
    program = [str(BIN / command[0]), *command[1:]]
    done = subprocess.run(program, cwd=REPO, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        output = (done.stdout + done.stderr)[-4000:]
        pytest.fail(f"{command[0]} found something; {cure}\n{output}", pytrace=False)


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff(arguments: tuple[str, ...]) -> None:
    run("ruff", *arguments, ".")


def test_mypy() -> None:
    run("mypy", cure="types do not agree")


def test_clang_format() -> None:
    sources = [str(path) for path in project_files(".h", ".cc", ".c")]
    assert len(sources) >= 10, f"only {len(sources)} C++ files found"
    run("clang-format", "--dry-run", "-Werror", *sources)
