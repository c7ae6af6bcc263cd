# SPDX-License-Identifier: Apache-2.0
"""Find linear convolutions that are cheaper in the other order, and let the twin compute them so.

A chain is a convolution along time of one input channel, a BatchNorm or nothing, and a convolution
over the full height, where nobody else sees what is between them. step/commuted.py says why the
other order gives the same and writes it. Layers, variables and their names stay: in a chain the
last layer computes everything from the input of the first, and what the first computes is dead code
that the converter drops.

With ``--ops builtin`` this is off unless asked for: what stock runtimes execute is the reference
that the other order is held against.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras

from converters.gradients.writer import Writer
from converters.step.calls import CONVOLUTIONS, CallGraph, is_norm, is_used_once
from converters.step.chain import Chain


def commute(model: keras.Model, writer: Writer, *, when: bool | str) -> list[Chain]:
    """Change every chain of ``model`` that ``when`` allows, and return those.

    ``auto``: where a training step gets cheaper, for our runner. True: every chain. False: none.
    """
    if when is False or (when == "auto" and not writer.compact):
        return []
    chosen = [c for c in find_chains(model, writer) if when is True or c.training_macs().saved > 0]
    for chain in chosen:
        chain.in_inference = when is True or chain.inference_macs().saved >= 0
        for layer in (chain.first, chain.norm, chain.last):
            if layer is not None:
                layer.chain = chain
    return chosen


def find_chains(model: keras.Model, writer: Writer, *, fixed: bool = True) -> Iterator[Chain]:
    """Chains of a functional or sequential model and of the models inside. ``fixed``: what the
    model is given depends on nothing that trains.
    """
    graph = CallGraph(model, fixed)
    for node in graph.nodes:
        given = graph.is_fixed(node)
        if isinstance(node.operation, keras.Model):
            yield from find_chains(node.operation, writer, fixed=given)
        if not _is_temporal(node.operation) or not is_used_once(node):
            continue
        following = graph.only_consumer(node)
        norm = None
        if following is not None and is_norm(following.operation):
            norm, following = following.operation, graph.only_consumer(following)
        if following is None or not _is_spatial(following.operation):
            continue
        chain = Chain(node.operation, norm, following.operation, given, writer)
        # The moments of a tensor that gradients must reach would need gradients themselves.
        if chain.fixed_input or not chain.live:
            yield chain


def _is_temporal(layer: Any) -> bool:
    """A linear convolution of one channel along time."""
    return (
        type(layer) in CONVOLUTIONS
        and not getattr(layer, "lora_enabled", False)
        and layer.input.shape[-1] == 1
        and layer.kernel_size[0] == 1
        and math.prod((*layer.strides, *layer.dilation_rate)) == 1
        and layer.activation is keras.activations.linear
        and layer.activity_regularizer is None
    )


def _is_spatial(layer: Any) -> bool:
    """A convolution over the full height, one sample wide."""
    return (
        type(layer) in CONVOLUTIONS
        and not getattr(layer, "lora_enabled", False)
        and tuple(layer.kernel_size) == (layer.input.shape[1], 1)
        and math.prod((*layer.strides, *layer.dilation_rate)) == 1
        and (layer.padding == "valid" or layer.kernel_size[0] == 1)
    )
