# SPDX-License-Identifier: Apache-2.0
"""Who calls whom among the layers of a model, and what a layer may be in a rewrite of several."""

from __future__ import annotations

from typing import Any

import keras

from converters.step import layers

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)
_NORMS = (layers.LiveBatchNorm, layers.FrozenBatchNorm)


class CallGraph:
    """Calls of layers, Keras's nodes, in the order of execution."""

    def __init__(self, model: keras.Model, fixed: bool) -> None:
        graph = model._functional if isinstance(model, keras.Sequential) else model
        by_depth = sorted(graph._nodes_by_depth.items(), reverse=True)
        self.nodes: list[Any] = [node for _, nodes in by_depth for node in nodes]
        # The model's own outputs are consumed by whoever calls it.
        self._consumers: dict[int, list[Any]] = {id(t): [None] for t in graph.outputs}
        self._fixed: dict[int, bool] = {}
        for node in self.nodes:
            for tensor in node.arguments.keras_tensors:
                self._consumers.setdefault(id(tensor), []).append(node)
            moves = bool(getattr(node.operation, "trainable_variables", ()))
            same = fixed if node.is_input else self.is_fixed(node) and not moves
            self._fixed.update({id(t): same for t in node.outputs})

    def is_fixed(self, node: Any) -> bool:
        """What the node is given depends on nothing that trains."""
        return all(self._fixed[id(t)] for t in node.arguments.keras_tensors)

    def only_consumer(self, node: Any) -> Any:
        """The one node that sees what ``node`` gives, if its layer is used there alone."""
        consumers = [c for t in node.outputs for c in self._consumers.get(id(t), [])]
        if len(consumers) != 1 or consumers[0] is None or not is_used_once(consumers[0]):
            return None
        return consumers[0]


def is_used_once(node: Any) -> bool:
    return len(node.operation._inbound_nodes) == 1


def is_norm(layer: Any) -> bool:
    """With one scale for each filter, the same for all samples."""
    return type(layer) in _NORMS and _is_of_filters(layer)


def is_group_norm(layer: Any) -> bool:
    """With one scale for each filter and sample."""
    return type(layer) is layers.GroupNorm and _is_of_filters(layer)


def _is_of_filters(layer: Any) -> bool:
    last = len(layer.input.shape) - 1
    return layer.axis in (-1, last) and layer.activity_regularizer is None
