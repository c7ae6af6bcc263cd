# SPDX-License-Identifier: Apache-2.0
"""Under which settings layers on tokens train: EinsumDense, Embedding and MultiHeadAttention."""

from __future__ import annotations

from typing import Any

import keras

_MASKS = ("query_mask", "value_mask", "key_mask", "attention_mask", "return_attention_scores")


def einsum_dense(layer: Any) -> str | None:
    """What is wrong with the equation, or None: it must be one matrix product, "ab,bc->ac" of
    groups of axes.
    """
    operands, _, result = layer.equation.partition("->")
    inputs, _, weights = operands.partition(",")
    summed = [axis for axis in inputs if axis not in result]
    kept = [axis for axis in inputs if axis in result]
    made = [axis for axis in weights if axis not in inputs]
    is_product = (
        list(inputs) == kept + summed
        and list(weights) == summed + made
        and list(result) == kept + made
    )
    if is_product and "..." not in layer.equation:
        return None
    return (
        f"equation {layer.equation}; use one like btd,de->bte, whose input ends in the axes that "
        f"the kernel begins with and whose output has the others in their order"
    )


def embedding(layer: Any) -> str | None:
    """What is wrong with an Embedding, or None."""
    if layer.mask_zero:
        return "mask_zero=True; use mask_zero=False, and a code of its own for padding"
    return None


def attention(layer: Any) -> str | None:
    """What is wrong with a MultiHeadAttention, or None."""
    config = layer.get_config()
    if config["dropout"]:
        return f"dropout={config['dropout']} of its weights; use a Dropout layer behind it"
    for option in ("use_gate", "sliding_window"):
        if config.get(option):
            return f"{option}={config[option]}; leave it out"
    for node in layer._inbound_nodes:
        tensors = [x for x in node.arguments.args if isinstance(x, keras.KerasTensor)]
        given = [name for name in _MASKS if node.arguments.kwargs.get(name) is not None]
        given = [name for name in given if node.arguments.kwargs[name] is not False]
        if given:
            return f"called with {given[0]}; only use_causal_mask trains"
        if any(len(x.shape) != 3 for x in tensors):
            return f"input of shape {tensors[0].shape}; Reshape it to (batch, tokens, width)"
    return None
