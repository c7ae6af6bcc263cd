# SPDX-License-Identifier: Apache-2.0
"""The models that are measured: three by name in their papers' shapes, or a file."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from biotrain_tf.device.model import ModelInfo, read_model
from biotrain_tf.errors import BiotrainError


@dataclass(frozen=True)
class NamedModel:
    """A function of biotrain_tf.models with the name of its file."""

    name: str
    n_chans: int
    n_times: int
    n_outputs: int

    def build(self) -> Any:
        module = importlib.import_module(f"biotrain_tf.models.{self.name}")
        return getattr(module, self.name)(
            n_chans=self.n_chans, n_times=self.n_times, n_outputs=self.n_outputs
        )


NAMED = {
    model.name: model
    for model in (
        NamedModel("eegnet", 22, 1000, 4),
        NamedModel("mi_bminet", 8, 1900, 2),
        NamedModel("epidenet", 2, 1000, 11),
    )
}


@dataclass(frozen=True)
class BenchModel:
    """A converted model, and what the conversion said of it."""

    name: str
    plan: str
    info: ModelInfo
    macs: int | None
    options: dict[str, Any] = field(default_factory=dict)


def prepare(model: str, folder: Path, **options: Any) -> BenchModel:
    """Converts a named model or a Keras file with ``options`` of convert(); reads a .tflite."""
    path = Path(model)
    if path.suffix == ".tflite":
        info = read_model(path)
        return BenchModel(path.stem, "as converted", info, info.textbook_macs_per_step())
    if model not in NAMED and not path.exists():
        raise BiotrainError(
            f"model: wanted {', '.join(NAMED)}, a .keras, .h5 or .tflite file; found {model!r}"
        )
    from converters import convert

    source = NAMED[model].build() if model in NAMED else path
    chosen = {name: value for name, value in options.items() if value is not None}
    result = convert(source, output_dir=folder, **chosen)
    plan = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in chosen.items())
    return BenchModel(
        name=model if model in NAMED else path.stem,
        plan=plan or "default",
        info=read_model(result.model_path),
        macs=int(result.report["textbook_macs_per_step"]),
        options=chosen,
    )
