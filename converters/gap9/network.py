# SPDX-License-Identifier: Apache-2.0
"""A bare description of a network, as JSON, and the operators of one inference or training step.

    {"name": "tiny", "precision": "float32", "mode": "training", "input": [3, 32, 32],
     "layers": [{"kind": "conv", "filters": 16, "kernel": [3, 3], "same": true}, {"kind": "relu"}]}

Shapes are [channels, height, width] of one sample, or [rows, features] behind ``tokens``. A layer
with ``aside`` works on ``input`` of its own and leaves the shape of the path as it is: shortcuts.
``train: false`` freezes a layer; what lies before the first trained one has no gradients.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from converters.errors import ConversionError
from converters.gap9.backward import backward_works
from converters.gap9.forward import KINDS, Placed, forward_works, place
from converters.gap9.kernels import UPDATE, elementwise
from converters.gap9.works import Work

MODES = ("training", "inference")
PRECISIONS = ("float32", "int8")
FOLDER = Path(__file__).with_name("networks")


@dataclass(frozen=True)
class Network:
    """``batch``: samples of one step; ``layout`` hwc: convolutions want channels last, the rest
    channels first, and tensors are transposed between them.
    """

    name: str
    source: str
    precision: str
    mode: str
    input: tuple[int, ...]
    layers: tuple[dict[str, Any], ...] = field(hash=False)
    batch: int = 1
    layout: str = "chw"


def read_network(path: Path) -> Network:
    """ConversionError names the file, and what is wrong in it."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConversionError(f"network: wanted a JSON file; found {path}: {error}") from None
    return network_of(content, path.name)


def network_of(content: Any, origin: str) -> Network:
    if not isinstance(content, dict):
        raise ConversionError(
            f"network: wanted an object in {origin}; found {type(content).__name__}"
        )
    for name in ("name", "input", "layers"):
        if name not in content:
            raise ConversionError(f"network: wanted {name!r} in {origin}; found {sorted(content)}")
    known = set(Network.__dataclass_fields__)
    for name in content:
        if name not in known:
            raise ConversionError(
                f"network: wanted {', '.join(sorted(known))}; found {name!r} in {origin}"
            )
    network = Network(
        name=str(content["name"]),
        source=str(content.get("source", "")),
        precision=str(content.get("precision", "float32")),
        mode=str(content.get("mode", "training")),
        input=tuple(content["input"]),
        layers=tuple(content["layers"]),
        batch=int(content.get("batch", 1)),
        layout=str(content.get("layout", "chw")),
    )
    for option, value, wanted in (
        ("mode", network.mode, MODES),
        ("precision", network.precision, PRECISIONS),
        ("layout", network.layout, ("chw", "hwc")),
    ):
        if value not in wanted:
            raise ConversionError(
                f"network: {option} must be one of {', '.join(wanted)}; found {value!r}"
            )
    if network.mode == "training" and network.precision == "int8":
        raise ConversionError("network: training is estimated in float32 only; found int8")
    for i, layer in enumerate(network.layers):
        if layer.get("kind") not in KINDS:
            known_kinds = ", ".join(KINDS)
            raise ConversionError(
                f"network: layer {i}: wanted a kind of {known_kinds}; found {layer.get('kind')!r}"
            )
    return network


def placed_layers(network: Network) -> list[Placed]:
    """Layers with the shapes that reach them."""
    shape = network.input
    placed = []
    for i, layer in enumerate(network.layers):
        try:
            one = place(i, layer, tuple(layer.get("input", shape)))
        except (KeyError, TypeError, ValueError) as error:
            raise ConversionError(
                f"network: layer {i}, {layer['kind']}: wanted its sizes; found {layer}: {error}"
            ) from None
        placed.append(one)
        if not layer.get("aside", False):
            shape = one.out
    return placed


def works_of(network: Network) -> list[Work]:
    """The operators of one step on one sample; the update once."""
    placed = placed_layers(network)
    works = forward_works(placed, layout=network.layout)
    if network.mode == "training":
        works += backward_works(placed, layout=network.layout)
        for one in placed:
            if one.trains:
                for part, count in enumerate(one.parameters):
                    name = f"{one.name}.update{part}"
                    tensors = (f"w{one.number}.{part}", f"g{one.number}.{part}")
                    works.append(
                        elementwise(name, "update", tensors, tensors[0], count, phase=UPDATE)
                    )
    return works


def parameters(network: Network) -> int:
    return sum(sum(one.parameters) for one in placed_layers(network))


def forward_macs(network: Network) -> int:
    return round(sum(w.macs for w in forward_works(placed_layers(network), layout=network.layout)))
