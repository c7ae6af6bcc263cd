# SPDX-License-Identifier: Apache-2.0
"""Write a normalisation as its parts: moments of single lines, their means, and each pass.

What crosses samples or channels is then on tensors of a few floats, and every op that reads an
activation sees one line at a time: it can run on the samples of a batch in turn, or on the
channels of a sample. Statistics are merged as by Chan, Golub and LeVeque (1983), equation 2.1: the
variance is the mean of the variances plus the variance of the means.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from converters.graph import Graph, Op, Subgraph
from converters.passes.editor import Editor

KINDS = frozenset(
    {"BiotrainBatchNorm", "BiotrainBatchNormGrad", "BiotrainGroupNorm", "BiotrainGroupNormGrad"}
)


def split_norms(graph: Graph) -> Graph:
    """Training and inference with every normalisation in parts."""
    for key in ("train", "infer"):
        index = graph.signatures[key].subgraph
        graph = graph.with_subgraph(index, _split(graph.subgraphs[index]))
    return graph


def _split(subgraph: Subgraph) -> Subgraph:
    edit = Editor(subgraph)
    for op in subgraph.ops:
        if op.kind not in KINDS:
            edit.ops.append(op)
        elif op.kind.endswith("Grad"):
            _gradient(edit, op)
        else:
            _forward(edit, op)
    return replace(subgraph, tensors=tuple(edit.tensors), ops=tuple(edit.ops))


def _forward(edit: Editor, op: Op) -> None:
    x, gamma, beta = op.inputs
    y, mean, variance = op.outputs
    batch, channels = edit.shape(x)[:2]
    means = edit.tensor("line_means", (batch, channels))
    variances = edit.tensor("line_variances", (batch, channels))
    edit.custom("BiotrainMoments", [x], [means, variances])
    if op.kind == "BiotrainBatchNorm":
        axis = 0
        edit.reduce("MEAN", means, axis, mean)
        wide = mean
    else:
        axis = 2
        groups = edit.shape(mean)[1]
        grouped = (batch, groups, channels // groups)
        means = edit.builtin("RESHAPE", [means], grouped)
        variances = edit.builtin("RESHAPE", [variances], grouped)
        edit.reduce("MEAN", means, axis, mean)
        wide = edit.builtin("RESHAPE", [mean], (batch, groups, 1))
    apart = edit.builtin("SQUARED_DIFFERENCE", [means, wide], edit.shape(means))
    total = edit.builtin("ADD", [variances, apart], edit.shape(means))
    edit.reduce("MEAN", total, axis, variance)
    epsilon = op.options["epsilon"]
    edit.custom("BiotrainNormalise", [x, gamma, beta, mean, variance], [y], epsilon=epsilon)


def _gradient(edit: Editor, op: Op) -> None:
    x, gamma, mean, variance, dy = op.inputs
    dx, dgamma, dbeta = op.outputs
    batch, channels = edit.shape(x)[:2]
    spatial = prod(edit.shape(x)[2:])
    products = edit.tensor("line_products", (batch, channels))
    sums = edit.tensor("line_sums", (batch, channels))
    epsilon = op.options["epsilon"]
    edit.custom("BiotrainNormGradSums", [x, mean, variance, dy], [products, sums], epsilon=epsilon)
    edit.reduce("SUM", products, 0, dgamma)
    edit.reduce("SUM", sums, 0, dbeta)
    if op.kind == "BiotrainBatchNormGrad":
        weighted = [edit.builtin("MUL", [t, gamma], (channels,)) for t in (dbeta, dgamma)]
        means = [edit.scaled(t, 1.0 / (batch * spatial)) for t in weighted]
    else:
        groups = edit.shape(mean)[1]
        width = channels // groups
        means = []
        for t in (sums, products):
            weighted_line = edit.builtin("MUL", [t, gamma], (batch, channels))
            grouped = edit.builtin("RESHAPE", [weighted_line], (batch, groups, width))
            means.append(edit.scaled(edit.reduce("SUM", grouped, 2), 1.0 / (width * spatial)))
    edit.custom(
        "BiotrainNormGradInput",
        [x, gamma, mean, variance, *means, dy],
        [dx],
        epsilon=epsilon,
    )
