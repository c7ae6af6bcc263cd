# SPDX-License-Identifier: Apache-2.0
"""Samples and labels of a .npz, checked and brought into the shape of a model."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.device.model import ModelInfo
from biotrain_tf.errors import BiotrainError

Array = NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """``x``: float32, samples first, in the model's shape. ``y``: as the model wants it."""

    x: NDArray[np.float32]
    y: Array

    def rows(self, *, size: int, count: int) -> Iterator[NDArray[np.int64]]:
        """Which samples are in each of ``count`` batches: in order, beginning again at the end."""
        for i in range(count):
            yield np.arange(i * size, (i + 1) * size) % len(self.x)

    def batches(self, *, size: int, count: int) -> Iterator[Samples]:
        """The samples of these rows."""
        for rows in self.rows(size=size, count=count):
            yield Samples(self.x[rows], self.y[rows])

    def labels(self, classes: int) -> NDArray[np.int64] | None:
        """The true class of each sample; None for a regression."""
        if self.y.dtype.kind == "i":
            return self.y.reshape(-1).astype(np.int64)
        flat = self.y.reshape(len(self.y), -1)
        if not np.all((flat == 0) | (flat == 1)):
            return None
        if flat.shape[1] == 1 and classes == 1:
            return flat[:, 0].astype(np.int64)
        return flat.argmax(axis=1) if np.all(flat.sum(axis=1) == 1) else None


@dataclass(frozen=True)
class Calibration:
    """What a model is trained on, and what its accuracy is measured on."""

    train: Samples
    test: Samples


def as_stored(x: NDArray[np.float32], model: ModelInfo) -> bytes:
    """Samples as a device keeps them: floats, or codes of a converter."""
    if model.x.dtype.kind != "i":
        return bytes(x.astype(model.x.dtype).tobytes())
    codes = np.rint(x.astype(np.float64) / model.sample_scale)
    limits = np.iinfo(model.x.dtype)
    if codes.min() < limits.min or codes.max() > limits.max:
        raise BiotrainError(
            f"X: wanted values within {limits.max} steps of {model.sample_scale:g}; found "
            f"{np.abs(x).max():g}; convert with a larger --sample-scale"
        )
    return bytes(codes.astype(model.x.dtype).tobytes())


def read_data(path: Path, model: ModelInfo) -> Calibration:
    """Reads ``X``, ``y``, and, where they are, ``scale``, ``X_test`` and ``y_test``."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("one array")
            arrays = {name: file[name] for name in file.files}
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise BiotrainError(f"data: wanted a .npz with X and y; {path}: {reason}") from None
    except (ValueError, zipfile.BadZipFile, EOFError):
        raise BiotrainError(
            f"data: wanted a .npz with X and y; {path} is not one (object arrays are not read); "
            "write it with numpy.savez(path, X=X, y=y)"
        ) from None
    train = _samples(arrays, "X", "y", model, path)
    has_test = "X_test" in arrays or "y_test" in arrays
    test = _samples(arrays, "X_test", "y_test", model, path) if has_test else train
    return Calibration(train, test)


def _samples(
    arrays: dict[str, Array], x_name: str, y_name: str, model: ModelInfo, path: Path
) -> Samples:
    for name in (x_name, y_name):
        if name not in arrays:
            found = ", ".join(arrays) or "nothing"
            raise BiotrainError(
                f"data: wanted arrays {x_name} and {y_name}; {path} has {found}; "
                "write it with numpy.savez(path, X=X, y=y)"
            )
    x = _fit_shape(_to_float(arrays[x_name], arrays.get("scale"), x_name), x_name, model)
    y = _fit_labels(arrays[y_name], y_name, model)
    if len(x) == 0:
        raise BiotrainError(f"{x_name}: wanted at least one sample; found none; check {path}")
    if len(x) != len(y):
        raise BiotrainError(
            f"{y_name}: wanted one label a sample, {len(x)} as {x_name} has; found {len(y)}"
        )
    return Samples(x, y)


def _to_float(x: Array, scale: Array | None, name: str) -> NDArray[np.float32]:
    if x.dtype.kind in "iu":
        if scale is None:
            raise BiotrainError(
                f"{name}: wanted floats, or integers with an array `scale`; found {x.dtype} "
                "without one; add scale=volts_per_count to the .npz"
            )
        scale = np.asarray(scale)
        if scale.dtype.kind not in "iuf" or not np.all(np.isfinite(scale)):
            raise BiotrainError(f"scale: wanted finite numbers; found {scale.dtype}")
        # One for all, or one a channel.
        if scale.ndim == 1 and scale.size > 1 and x.ndim == 3 and scale.size == x.shape[1]:
            scale = scale[:, None]
        try:
            x = x * scale.astype(np.float64)
        except ValueError:
            raise BiotrainError(
                f"scale: wanted one number, or one a channel; found shape {scale.shape}"
            ) from None
    elif x.dtype.kind != "f":
        raise BiotrainError(
            f"{name}: wanted floats, or integers with an array `scale`; found {x.dtype}"
        )
    bad = ~np.isfinite(x)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise BiotrainError(
            f"{name}: wanted finite numbers; found {int(bad.sum())} that are NaN or infinite, "
            f"the first at {first}; drop or repair those epochs"
        )
    with np.errstate(over="ignore"):
        as_float = x.astype("<f4")
    if not np.isfinite(as_float).all():
        raise BiotrainError(f"{name}: wanted numbers that float32 holds; found larger; rescale X")
    return np.ascontiguousarray(as_float)


def _fit_shape(x: NDArray[np.float32], name: str, model: ModelInfo) -> NDArray[np.float32]:
    wanted = model.x.shape[1:]
    found = x.shape[1:]
    if found == wanted:
        return x

    def core(shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(size for size in shape if size != 1)

    if x.ndim >= 2 and core(found) == core(wanted):
        return x.reshape(len(x), *wanted)
    # (epochs, channels, samples), and a model that wants time first.
    if x.ndim == 3 and core(found[::-1]) == core(wanted):
        return np.ascontiguousarray(x.transpose(0, 2, 1)).reshape(len(x), *wanted)
    raise BiotrainError(
        f"{name}: wanted shape (samples, {', '.join(map(str, wanted))}) as the model has, or "
        f"(epochs, channels, samples); found {x.shape}"
    )


def _fit_labels(y: Array, name: str, model: ModelInfo) -> Array:
    wanted = model.y.shape[1:]
    if y.dtype.kind in "iub" and (y.ndim == 1 or y.shape[1:] == (1,)):
        labels = y.reshape(-1).astype(np.int64)
        classes = max(model.classes, 2)
        outside = (labels < 0) | (labels >= classes)
        if outside.any():
            first = int(np.argmax(outside))
            raise BiotrainError(
                f"{name}: wanted labels from 0 to {classes - 1}; found {labels[first]} at sample "
                f"{first}; renumber the classes"
            )
        if model.y.dtype.kind == "i":
            return labels.astype("<i4").reshape(len(labels), *wanted)
        if wanted == (classes,) and model.classes > 1:
            return np.eye(classes, dtype="<f4")[labels]
        if model.y.elements == model.batch_size:
            return labels.astype("<f4").reshape(len(labels), *wanted)
    elif model.y.dtype.kind == "f" and y.dtype.kind in "iuf" and y.shape[1:] == wanted:
        if not np.isfinite(y).all():
            raise BiotrainError(f"{name}: wanted finite numbers; found NaN or infinity")
        return np.ascontiguousarray(y.astype("<f4"))
    kind = "integer labels" if model.y.dtype.kind == "i" else f"float32 of shape {wanted} a sample"
    raise BiotrainError(f"{name}: wanted {kind}; found {y.dtype} of shape {y.shape}")
