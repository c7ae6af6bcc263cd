# SPDX-License-Identifier: Apache-2.0
"""The one list: what a firmware links of this project, and how it must be compiled."""

from __future__ import annotations

import ast
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("kernels", "signal", "micro", "micro/ops", "store", "adapt")
# The table of all ops: a firmware brings that of its model, which the converter wrote.
# A file for a flash needs the ports of this project.
LEFT_OUT = {"tflm_train/micro/ops/all_ops.cc", "tflm_train/store/file_flash.cc"}
HEADERS_LEFT_OUT = {"tflm_train/store/file_flash.h"}
EXAMPLE = ("example.cc", "example.h")


@dataclass(frozen=True)
class Library:
    """Paths are relative to the root of the repository."""

    version: str
    description: str
    sources: tuple[str, ...]
    headers: tuple[str, ...]
    flags: tuple[str, ...]


def _is_product(path: Path) -> bool:
    """Not of a test: neither foo_test.cc and foo_test.h, nor the writers of test models."""
    return not path.stem.endswith("_test") and not path.stem.startswith("test_")


def _find(suffix: str) -> tuple[str, ...]:
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in FOLDERS
        for path in sorted((ROOT / "tflm_train" / folder).glob(f"*{suffix}"))
        if _is_product(path)
    ]
    return tuple(path for path in found if path not in LEFT_OUT | HEADERS_LEFT_OUT)


def _flags() -> tuple[str, ...]:
    """What decides about bits and size; warnings are the affair of this project's own builds."""
    for node in ast.parse((ROOT / "tflm_train" / "flags.bzl").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COPTS":
            flags: list[str] = ast.literal_eval(node.value)
            return tuple(flag for flag in flags if not flag.startswith("-W"))
    raise LookupError("flags.bzl: COPTS not found")


def library() -> Library:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return Library(
        version=project["version"],
        description="Training and inference of TFLite models made by biotrain_tf.",
        sources=_find(".cc"),
        headers=_find(".h"),
        flags=_flags(),
    )


def copy(files: tuple[str, ...], folder: Path) -> None:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)


def copy_example(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in EXAMPLE:
        shutil.copyfile(ROOT / "examples" / "packaged" / name, folder / name)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
