# SPDX-License-Identifier: Apache-2.0
"""A flatbuffer of ours that a user names on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from biotrain_tf.errors import BiotrainError

if TYPE_CHECKING:
    from converters.graph import Graph


def read_micro_model(path: Path, signature: str) -> Graph:
    """The graph of an ``--ops micro`` file. ``BiotrainError`` if it has no plan of ours or no
    ``signature``.
    """
    from converters import graph as graphs
    from converters.planner.plan import METADATA_NAME

    graph = graphs.read(path.read_bytes())
    if METADATA_NAME not in graph.metadata:
        raise BiotrainError(f"file: wanted a model of --ops micro; {path.name} has no plan of ours")
    if signature not in graph.signatures:
        known = ", ".join(graph.signatures)
        raise BiotrainError(f"signature: wanted one of {known}; found {signature}")
    return graph
