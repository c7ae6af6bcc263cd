# SPDX-License-Identifier: Apache-2.0
"""Pins are installed with --no-deps, so they must be complete; the metadata agrees with them."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import REPO

PINNED = re.compile(r"^[\w.-]+==[\w.]+( *;.*)?$")
# tf-keras asks for the full wheel; tensorflow-cpu is the same without CUDA.
SAME_AS = {"tensorflow": "tensorflow-cpu"}


def pins(*names: str) -> dict[str, str]:
    """Name -> version of the pins that apply to this machine."""
    found: dict[str, str] = {}
    for name in names:
        for line in (REPO / name).read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            assert PINNED.match(line), f"{name}: {line!r} is not a pin"
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate():
                key = canonicalize_name(requirement.name)
                assert key not in found, f"{key} is pinned twice"
                found[key] = str(requirement.specifier).removeprefix("==")
    return found


def test_pins_are_what_is_installed() -> None:
    wanted = pins("requirements.txt", "requirements-test.txt")
    found = {name: importlib.metadata.version(name) for name in wanted}
    print(f"compared={len(wanted)}")
    assert len(wanted) > 30
    assert found == wanted


def test_pins_are_complete() -> None:
    pinned = pins("requirements.txt", "requirements-test.txt")
    looked_at, missing = 0, []
    for name in pinned:
        for line in importlib.metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            looked_at += 1
            needed: str = canonicalize_name(requirement.name)
            needed = needed if needed in pinned else SAME_AS.get(needed, needed)
            if needed not in pinned or not requirement.specifier.contains(pinned[needed], True):
                missing.append(f"{name} needs {requirement}, pinned: {pinned.get(needed)}")
    assert looked_at > 30
    assert not missing, "\n".join(missing)


def test_metadata_agrees_with_the_pins() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    pinned = pins("requirements.txt")
    for line in project["dependencies"]:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)], True)


@pytest.mark.parametrize("command", ["biotrain", "convert_trainable.py"])
def test_commands_are_installed(command: str) -> None:
    path = Path(sys.executable).parent / command
    assert path.is_file(), "pip install -e . installs it"
    done = subprocess.run(
        [path, "--help"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


def test_compat_environment_has_its_pins(compat_python: Path) -> None:
    wanted = pins("requirements-compat.txt")
    script = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    done = subprocess.run(
        [compat_python, "-c", script, *wanted], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == list(wanted.values())
