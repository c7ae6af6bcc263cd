# SPDX-License-Identifier: Apache-2.0
"""Load .keras, Keras 3 .h5 and legacy Keras 2 .h5 files, or take a model as it is."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import keras

from converters.errors import ConversionError


def load(model: keras.Model | str | Path) -> keras.Model:
    """The model itself, or the one in the file.

    Raises:
        ConversionError: no such file, not a Keras file, or layers that Keras cannot rebuild.
    """
    if isinstance(model, keras.Model):
        return model
    if not isinstance(model, (str, Path)):
        raise ConversionError(
            f"model must be a keras.Model or the path of a .keras or .h5 file, got "
            f"{type(model).__name__}"
        )
    path = Path(model)
    if not path.is_file():
        raise ConversionError(
            f"model file {path} does not exist; give the path of a .keras or .h5 file"
        )
    _check_format(path)
    try:
        return _load_file(path)
    except Exception as error:
        raise ConversionError(
            f"model file {path} cannot be rebuilt by Keras {keras.__version__}: "
            f"{_first_line(error)}; "
            "custom layers must be registered (keras.saving.register_keras_serializable) or the "
            "model passed to "
            "converters.convert() as an object"
        ) from error


def _check_format(path: Path) -> None:
    head = path.open("rb").read(8)
    if path.suffix == ".keras":
        if not zipfile.is_zipfile(path):
            raise ConversionError(
                f"model file {path} is not a .keras archive (a zip file was wanted); save it again"
            )
    elif path.suffix in (".h5", ".hdf5"):
        if head != b"\x89HDF\r\n\x1a\n":
            raise ConversionError(
                f"model file {path} is not an HDF5 file; save it again with "
                f"model.save({path.name!r})"
            )
    else:
        raise ConversionError(
            f"model file {path} must end in .keras or .h5, got {path.suffix or 'no suffix'!r}"
        )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _load_file(path: Path) -> keras.Model:
    if path.suffix == ".keras":
        model = _compiled_or_not(path, {})
    else:
        _check_holds_model(path)
        # Keras writes this loss into an .h5 by a name that it does not find again.
        renamed = {"mse": keras.losses.mean_squared_error}
        model = _compiled_or_not(path, {**_legacy_layers(), **renamed})
    if not isinstance(model, keras.Model):
        raise ConversionError(f"model file {path} holds a {type(model).__name__}, not a model")
    return model


def _check_holds_model(path: Path) -> None:
    import h5py

    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            raise ValueError("it holds weights only; save the whole model with model.save()")


def _compiled_or_not(path: Path, custom: dict[str, Any]) -> keras.Model:
    """With its optimiser and loss where they can be rebuilt; a legacy optimiser often cannot."""
    try:
        return keras.models.load_model(path, custom_objects=custom, compile=True)
    except Exception:
        return keras.models.load_model(path, custom_objects=custom, compile=False)


def _without(kind: type[keras.layers.Layer], *dropped: str) -> type[keras.layers.Layer]:
    """A subclass that forgets config keys Keras 2 wrote and Keras 3 does not take; their values
    change nothing.
    """

    def from_config(cls: type[keras.layers.Layer], config: dict[str, Any]) -> keras.layers.Layer:
        kept = {k: v for k, v in config.items() if k not in dropped}
        return kind.from_config(kept)

    return type(kind.__name__, (kind,), {"from_config": classmethod(from_config)})


def _legacy_layers() -> dict[str, type[keras.layers.Layer]]:
    inner = ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint")
    layers = keras.layers
    shims = [
        _without(layers.DepthwiseConv1D, "groups"),
        _without(layers.DepthwiseConv2D, "groups"),
        _without(layers.SeparableConv1D, *inner),
        _without(layers.SeparableConv2D, *inner),
    ]
    return {shim.__name__: shim for shim in shims}
