# SPDX-License-Identifier: Apache-2.0
"""What the documents tell a reader to type exists, and their links lead somewhere."""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import REPO, project_files

SHELL_BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
BIN = Path(sys.executable).parent
DOCUMENTS = [path for path in project_files(".md") if path.parts[0] != "third_party"]


def commands(document: Path) -> list[list[str]]:
    """Every command line of the shell blocks, split into words."""
    found = []
    for block in SHELL_BLOCK.findall((REPO / document).read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words:
                found.append(words)
    return found


@functools.cache
def usage(command: tuple[str, ...]) -> str:
    done = subprocess.run(
        [*command, "--help"], cwd=REPO, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{' '.join(command)} --help: {done.stderr}"
    return done.stdout


def check_options(words: list[str], command: tuple[str, ...]) -> None:
    known = usage(command)
    for word in words:
        if word.startswith("--"):
            option = word.split("=")[0]
            assert re.search(rf"{re.escape(option)}\b", known), f"{command} has no {option}"


def check(words: list[str]) -> bool:
    """Whether this is a command of the project; fails where it is one and cannot be run."""
    program = Path(words[0]).name
    if program == "make":
        targets = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
        done = subprocess.run(
            ["make", "-n", *targets], cwd=REPO, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    elif program == "biotrain":
        command: tuple[str, ...] = (str(BIN / "biotrain"), words[1])
        if len(words) > 2 and re.search(rf"^    {re.escape(words[2])}\b", usage(command), re.M):
            command = (*command, words[2])  # a command of commands
        check_options(words[len(command) :], command)
    elif program == "convert_trainable.py":
        check_options(words[1:], (str(BIN / program),))
    elif program.startswith("python") and len(words) > 1 and words[1].endswith(".py"):
        assert (REPO / words[1]).is_file(), words[1]
        check_options(words[2:], (sys.executable, words[1]))
    elif (REPO / words[0]).is_file():
        pass
    else:
        assert not words[0].startswith(("scripts/", "examples/", "./")), f"no {words[0]}"
        return False
    return True


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_commands_exist(document: str) -> None:
    checked = [check(words) for words in commands(Path(document))]
    print(f"commands={len(checked)} of_the_project={sum(checked)}")
    assert sum(checked) >= 3


def test_links_lead_somewhere() -> None:
    looked_at, broken = 0, []
    for document in DOCUMENTS:
        for target in LINK.findall((REPO / document).read_text()):
            if target.startswith(("http:", "https:", "mailto:")):
                continue
            looked_at += 1
            if not (REPO / document.parent / target).exists():
                broken.append(f"{document}: {target}")
    assert looked_at >= 5
    assert not broken, "\n".join(broken)
