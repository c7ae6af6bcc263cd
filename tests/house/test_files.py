# SPDX-License-Identifier: Apache-2.0
"""Every source file names its licence, is short, and knows no particular machine."""

from __future__ import annotations

import re

from tests.house.tree import REPO, project_files

SOURCES = (".py", ".cc", ".h", ".c", ".S", ".sh", ".bzl", ".ld")
MAX_LINES = 400
MIN_SOURCES = 30
# Folders of one developer's machine.
MACHINE_PATH = re.compile(r"(?<![\w.~$}>-])/(?:work|home|root|tmp)/\w")


def test_every_source_names_its_licence() -> None:
    sources = project_files(*SOURCES)
    without = []
    for path in sources:
        head = (REPO / path).read_text().splitlines()[:2]
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in head):
            without.append(str(path))
    assert len(sources) >= MIN_SOURCES, f"only {len(sources)} sources found"
    assert not without, f"no SPDX line in the first two lines of {without}"


def test_no_source_is_long() -> None:
    sources = project_files(*SOURCES)
    lengths = {str(path): len((REPO / path).read_text().splitlines()) for path in sources}
    long = {path: length for path, length in lengths.items() if length > MAX_LINES}
    assert len(lengths) >= MIN_SOURCES, f"only {len(lengths)} sources found"
    assert not long, f"over {MAX_LINES} lines: {long}"


def test_no_tracked_file_is_heavy() -> None:
    sizes = {str(path): (REPO / path).stat().st_size for path in project_files()}
    heavy = {path: size for path, size in sizes.items() if size > 1024 * 1024}
    assert len(sizes) >= MIN_SOURCES
    assert not heavy, f"over 1 MB: {heavy}"


def test_no_file_knows_a_machine() -> None:
    texts = project_files(*SOURCES, ".md", ".toml", ".txt", ".repl", ".resc", ".robot", ".json")
    found = []
    for path in texts:
        for number, line in enumerate((REPO / path).read_text().splitlines(), start=1):
            if MACHINE_PATH.search(line) and "MACHINE_PATH" not in line:
                found.append(f"{path}:{number}: {line.strip()}")
    assert len(texts) >= MIN_SOURCES
    assert not found, "absolute paths of one machine:\n" + "\n".join(found)
