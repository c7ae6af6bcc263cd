# SPDX-License-Identifier: Apache-2.0
"""The files of the project, as the house tests and `make format` see them."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
NOT_OURS = {".git", ".venv", ".venv-compat", "build", "dist"}


@functools.cache
def _all_files() -> tuple[Path, ...]:
    """What git tracks or would track; in an unpacked archive, all that is not a known output."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, cwd=REPO, capture_output=True, check=True).stdout
        return tuple(Path(name) for name in listing.decode().split("\0") if name)
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(REPO):
            folders[:] = [name for name in folders if not is_output(name)]
            found += [Path(folder, name).relative_to(REPO) for name in names]
        return tuple(found)


def is_output(folder: str) -> bool:
    return folder in NOT_OURS or folder.endswith(("_cache", "__pycache__", ".egg-info"))


def project_files(*suffixes: str, under: str = "") -> list[Path]:
    """Files that are tracked or would be, with one of `suffixes` (or any), relative to the root."""
    return sorted(
        path
        for path in set(_all_files())
        if (not suffixes or path.suffix in suffixes)
        and path.is_relative_to(under)
        and (REPO / path).is_file()
    )


if __name__ == "__main__":
    print("\n".join(map(str, project_files(*sys.argv[1:]))))
