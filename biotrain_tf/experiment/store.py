# SPDX-License-Identifier: Apache-2.0
"""Results as files, known by a hash of everything that they depend on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[Any]]
_CONVERTER = Path(__file__).resolve().parents[2] / "converters"
_LENGTH = 16


def digest(*parts: object) -> str:
    """Equal for equal parts: dataclasses, mappings, sequences, arrays and plain values."""
    hashed = hashlib.sha256()
    for part in parts:
        _feed(hashed, part)
    return hashed.hexdigest()[:_LENGTH]


def _feed(hashed: Any, part: object) -> None:
    if isinstance(part, np.ndarray):
        hashed.update(f"array {part.dtype} {part.shape}".encode())
        hashed.update(np.ascontiguousarray(part).data)
    elif dataclasses.is_dataclass(part) and not isinstance(part, type):
        hashed.update(type(part).__name__.encode())
        for field in dataclasses.fields(part):
            hashed.update(field.name.encode())
            _feed(hashed, getattr(part, field.name))
    elif isinstance(part, Mapping):
        hashed.update(b"{")
        for key in sorted(part):
            hashed.update(repr(key).encode())
            _feed(hashed, part[key])
    elif isinstance(part, (list, tuple)):
        hashed.update(f"[{len(part)}".encode())
        for item in part:
            _feed(hashed, item)
    else:
        hashed.update(f"{type(part).__name__} {part!r};".encode())


@functools.cache
def converter_digest() -> str:
    """Of the converter's sources: a flatbuffer of another converter is another flatbuffer."""
    paths = sorted(p for p in _CONVERTER.rglob("*") if p.suffix in (".py", ".json"))
    return digest(*[(str(p.relative_to(_CONVERTER)), p.read_bytes()) for p in paths])


def file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all: whoever is interrupted leaves no half a result."""
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"
    _write(path, lambda file: file.write(text.encode()))


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def write_bytes(path: Path, content: bytes) -> None:
    _write(path, lambda file: file.write(content))


def write_weights(path: Path, weights: Weights) -> None:
    arrays: dict[str, Any] = {**weights}
    _write(path, lambda file: np.savez(file, **arrays))


def read_weights(path: Path) -> Weights:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            fill(file)
            os.fchmod(descriptor, 0o644)  # others of the cluster read it
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
