# SPDX-License-Identifier: Apache-2.0
"""What must be known of a flatbuffer before it is put on a device."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from biotrain_tf.errors import BiotrainError

PLAN = b"biotrain_plan"
PLAN_VERSION = 3
PLAN_VERSION_OF_REGIONS = 4
SAMPLE = b"biotrain_sample"
RAM = b"biotrain_ram"
_DTYPES: dict[int, np.dtype[Any]] = {
    schema.TensorType.FLOAT32: np.dtype("<f4"),
    schema.TensorType.INT32: np.dtype("<i4"),
    schema.TensorType.INT16: np.dtype("<i2"),
}


@dataclass(frozen=True)
class TensorInfo:
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape, initial=1))


@dataclass(frozen=True)
class ModelInfo:
    """Shapes and plan of a trainable flatbuffer."""

    path: Path
    content: bytes
    arena_bytes: int
    x: TensorInfo
    y: TensorInfo
    sample: TensorInfo
    output: TensorInfo
    fetches_samples: bool = False
    sample_scale: float = 1.0
    ram: tuple[str, int] | None = None
    """The target the model is made for, and how many bytes of RAM there are to be."""
    regions: tuple[int, ...] = ()
    """Bytes that the plan takes of each memory, if it has several."""
    region_limits: tuple[int, ...] = ()
    """How many bytes each of them is to have."""
    stored: bytes = b""
    """Samples that a device keeps beside the model, one after the other."""

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def batch_size(self) -> int:
        return self.x.shape[0]

    @property
    def classes(self) -> int:
        return self.output.elements

    def textbook_macs_per_step(self) -> int | None:
        """From the converter's report beside the model, if that is there."""
        report = self.path.parent / "report.json"
        if not report.is_file():
            return None
        try:
            content = json.loads(report.read_text())
        except ValueError:
            return None
        files = {Path(str(name)).name for name in _leaves(content.get("files", []))}
        # A report of another model in the same folder says nothing about this one.
        if files and self.path.name not in files:
            return None
        macs = content.get("textbook_macs_per_step")
        return int(macs) if isinstance(macs, int) else None


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def read_model(path: Path) -> ModelInfo:
    """Reads and checks a flatbuffer; BiotrainError says what is wrong with it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BiotrainError(
            f"model: wanted a .tflite file; {path}: {error.strerror}; `biotrain convert` writes one"
        ) from None
    if content[4:8] != b"TFL3":
        raise BiotrainError(
            f"model: wanted a TFLite flatbuffer; {path} is not one; "
            "make one of a Keras model with `biotrain convert`"
        )
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        arena_bytes, regions = _arena_bytes(model, path)
        train, infer = _signature(model, b"train", path), _signature(model, b"infer", path)
        info = ModelInfo(
            path=path,
            content=content,
            arena_bytes=arena_bytes,
            x=_end(model, train, train.inputs, b"x", path),
            y=_end(model, train, train.inputs, b"y", path),
            sample=_end(model, infer, infer.inputs, b"x", path),
            output=_end(model, infer, infer.outputs, b"output", path),
            regions=regions,
            **_ram(model),
            **_sample(model),
        )
    except (struct.error, IndexError, TypeError, AttributeError, ValueError, AssertionError):
        raise BiotrainError(
            f"model: wanted a whole flatbuffer; {path} is damaged; convert the Keras model again"
        ) from None
    if not info.x.shape or info.x.shape[1:] != info.sample.shape[1:]:
        raise BiotrainError(
            f"model: wanted the samples of train and infer to agree; {path} has "
            f"{info.x.shape} and {info.sample.shape}; convert the Keras model again"
        )
    return info


def _arena_bytes(model: Any, path: Path) -> tuple[int, tuple[int, ...]]:
    """All of it, and what of it is in each of several regions."""
    for entry in model.metadata or ():
        if entry.name == PLAN:
            data = bytes(model.buffers[entry.buffer].data)
            version, arena_bytes = struct.unpack_from("<2i", data)
            known = (PLAN_VERSION, PLAN_VERSION_OF_REGIONS)
            if version not in known or arena_bytes < 0:
                raise BiotrainError(
                    f"model: wanted a memory plan of version {PLAN_VERSION}; {path} has version "
                    f"{version}; convert the Keras model again"
                )
            if version == PLAN_VERSION:
                return int(arena_bytes), ()
            (count,) = struct.unpack_from("<i", data, 5 * 4)
            return int(arena_bytes), struct.unpack_from(f"<{count}i", data, 7 * 4)
    raise BiotrainError(
        f"model: wanted a memory plan in the flatbuffer; {path} has none; "
        "convert the Keras model with --ops micro"
    )


def _sample(model: Any) -> dict[str, Any]:
    for entry in model.metadata or ():
        if entry.name == SAMPLE:
            content = json.loads(bytes(model.buffers[entry.buffer].data))
            return {"fetches_samples": True, "sample_scale": float(content["scale"])}
    return {}


def _ram(model: Any) -> dict[str, Any]:
    for entry in model.metadata or ():
        if entry.name == RAM:
            content = json.loads(bytes(model.buffers[entry.buffer].data))
            limits = tuple(int(size) for _, size in content.get("regions", ()))
            ram = (str(content["target"]), int(content["bytes"]))
            return {"ram": ram, "region_limits": limits}
    return {}


def _signature(model: Any, key: bytes, path: Path) -> Any:
    for signature in model.signatureDefs or ():
        if signature.signatureKey == key:
            return signature
    found = ", ".join(s.signatureKey.decode() for s in model.signatureDefs or ()) or "none"
    raise BiotrainError(
        f"model: wanted a signature {key.decode()!r}; {path} has {found}; "
        "convert the Keras model with `biotrain convert`"
    )


def _end(model: Any, signature: Any, ends: Any, name: bytes, path: Path) -> TensorInfo:
    for entry in ends:
        if entry.name == name:
            tensor = model.subgraphs[signature.subgraphIndex].tensors[entry.tensorIndex]
            if tensor.type not in _DTYPES:
                break
            shape = tuple(int(size) for size in tensor.shape if tensor.shape is not None)
            return TensorInfo(shape, _DTYPES[tensor.type])
    raise BiotrainError(
        f"model: wanted {name.decode()!r} as float32 or int32 in signature "
        f"{signature.signatureKey.decode()!r}; {path} has none; convert the Keras model again"
    )
