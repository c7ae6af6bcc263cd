# SPDX-License-Identifier: Apache-2.0
"""A schedule as data, and the graph it stands for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from converters.graph import Graph
from converters.passes.accumulate import accumulate_in_momentum
from converters.passes.commit_last import commit_last
from converters.passes.fast_fir import add_fast_fir
from converters.passes.fetch_again import fetch_again
from converters.passes.fetch_samples import Sample, fetch_samples
from converters.passes.filter_sums import filter_sums
from converters.passes.norm_average_pool import norm_average_pool
from converters.passes.norm_pool_grad import norm_pool_grad
from converters.passes.pool_before_norm import pool_before_norm
from converters.passes.pool_indices import pool_indices
from converters.passes.read_codes import add_pieces, read_codes
from converters.passes.sign_bits import sign_bits
from converters.passes.slope_sums import slope_sums
from converters.passes.split_norms import split_norms
from converters.passes.stream_batch import stream_batch
from converters.passes.stream_channels import Chain, Sliced, chains, stream_channels
from converters.passes.sums_ahead import sums_ahead
from converters.passes.sums_early import sums_early
from converters.passes.without_notes import without_notes
from converters.passes.without_unused import UNUSED
from converters.planner.regions import Region

Place = tuple[str, int]
"""A chain: the name of its subgraph, and its number there."""


@dataclass(frozen=True)
class Recipe:
    """``sample``: how samples of a batch come one by one; None, if the whole batch is in memory.
    ``at_least``: bytes of a tensor from which on chains run depth first; None: none does.
    ``slices``: in how many pieces each chain runs, if not in as many as it has channels.
    ``kept``: tensors of a chain that are stored whole, though they could be computed again.
    ``fast_fir``: subgraphs whose long filters get the workspace of a fast algorithm.
    Of int16 samples, by subgraph: ``fetch_once`` keeps the codes from the first op that reads them
    to the last; ``floats``: which of these ops, by number, have all of the sample as floats;
    ``around``: which of them are loops that fetch once for all iterations.
    """

    sample: Sample | None = None
    scale: float = 1.0
    at_least: int | None = None
    slices: Mapping[Place, int] = field(default_factory=dict)
    kept: frozenset[tuple[Place, int]] = frozenset()
    fast_fir: frozenset[str] | None = None
    """None: all of them."""
    fetch_once: frozenset[str] = frozenset()
    floats: frozenset[Place] = frozenset()
    around: frozenset[Place] = frozenset()
    ahead: bool = False
    """Sums of normalisations from mean slopes (see ``prepare``)."""
    masks: bool = False
    """Bits and indices instead of tensors (see ``noted``)."""
    whole: frozenset[Place] = frozenset()
    """Of these, by subgraph and tensor, those that are not used after all."""

    def part(self, name: str) -> Hashable:
        """What it says of the chains and readers of a subgraph."""
        slices = frozenset((n, count) for (where, n), count in self.slices.items() if where == name)
        kept = frozenset(entry for entry in self.kept if entry[0][0] == name)
        readers = frozenset(place for place in self.around | self.floats if place[0] == name)
        return slices, kept, readers, name in self.fetch_once


@dataclass(frozen=True)
class Prepared:
    """A step whose samples come in turn, before chains are split; shared by many recipes."""

    graph: Graph
    streamed: tuple[int, ...]
    """Subgraphs whose chains may run depth first, and in how many loops they are."""
    depths: tuple[int, ...]
    overhead: Callable[[Graph], int]
    """Bytes of RAM that a firmware needs beside the arena."""
    regions: tuple[Region, ...] = ()
    """Memories to plan for, if there are several."""
    trail: list[Any] = field(default_factory=list, compare=False)
    """What a search looked at, row by row; it grows."""
    _chains: dict[tuple[int, int], list[Chain]] = field(default_factory=dict, compare=False)

    def chains_of(self, index: int, at_least: int) -> list[Chain]:
        if (index, at_least) not in self._chains:
            self._chains[index, at_least] = chains(self.graph.subgraphs[index], at_least)
        return self._chains[index, at_least]

    def only(self, name: str) -> Prepared:
        """With the chains of one subgraph, and nothing in the other bodies: schedules that differ
        there differ in cost by as much as those of the whole.
        """
        bodies = self.graph.bodies()
        subgraphs = list(self.graph.subgraphs)
        streamed, depths = [], []
        for index, depth in zip(self.streamed, self.depths, strict=True):
            if subgraphs[index].name == name:
                streamed.append(index)
                depths.append(depth)
            elif index in bodies:
                subgraphs[index] = UNUSED
        graph = replace(self.graph, subgraphs=tuple(subgraphs))
        return replace(self, graph=graph, streamed=tuple(streamed), depths=tuple(depths))


def prepare(
    graph: Graph,
    *,
    batch: int,
    sample: Sample,
    overhead: Callable[[Graph], int],
    scale: float = 1.0,
    ahead: bool = False,
    masks: bool = False,
    regions: tuple[Region, ...] = (),
) -> Prepared:
    """The step of ``graph`` in loops over the samples of its batch, if they are several. ``ahead``:
    with the sums of normalisations from mean slopes, which are stored, or cost a loop. ``masks``:
    see ``noted``.
    """
    before = len(graph.subgraphs)
    graph = pool_before_norm(split_norms(graph))
    if masks:
        graph = noted(graph)
    if ahead:
        graph = sums_ahead(graph)
    graph = fetch_samples(stream_batch(graph, batch), sample, scale)
    loops = range(before, len(graph.subgraphs))
    bodies = (graph.signatures["train"].subgraph,) if batch == 1 else tuple(loops)
    graph = filter_sums(graph, bodies)
    if ahead:
        graph = slope_sums(graph, bodies)
    streamed = (graph.signatures["infer"].subgraph, *bodies)
    depths = (0, *[0 if batch == 1 else 1] * len(bodies))
    return Prepared(read_codes(graph, streamed), streamed, depths, overhead, regions)


def noted(graph: Graph) -> Graph:
    """The step with the bits and indices that its gradients ask for, instead of the tensors."""
    return sign_bits(pool_indices(graph))


def build(prepared: Prepared, recipe: Recipe) -> Graph:
    """The graph of a schedule with loops, ops in order."""
    graph = in_loops(prepared, recipe)
    for index in prepared.streamed:
        name = prepared.graph.subgraphs[index].name
        floats = {n for where, n in recipe.floats if where == name}
        around = {n for where, n in recipe.around if where == name}
        again = name not in recipe.fetch_once
        graph = fetch_again(graph, index, again=again, floats=floats, around=around)
    return finish(add_pieces(without_notes(graph, recipe.whole)), recipe.fast_fir)


def in_loops(prepared: Prepared, recipe: Recipe) -> Graph:
    """With its chains in loops; every body still fetches its sample once, at its head."""
    graph = prepared.graph
    if recipe.at_least is not None:
        for index, depth in zip(prepared.streamed, prepared.depths, strict=True):
            name = prepared.graph.subgraphs[index].name
            chosen = []
            for n, chain in enumerate(prepared.chains_of(index, recipe.at_least)):
                place = (name, n)
                count = recipe.slices.get(place, chain.channels)
                kept = frozenset(t for where, t in recipe.kept if where == place)
                chosen.append(Sliced(chain, count, kept))
            graph = stream_channels(graph, index, chosen, depth=depth)
    return sums_early(graph) if recipe.ahead else graph


def finish(graph: Graph, fast_fir: frozenset[str] | None = None) -> Graph:
    """What every step gets at the end, in loops or not."""
    graph = norm_average_pool(norm_pool_grad(graph))
    fast = add_fast_fir(graph)
    if fast_fir is not None:
        subgraphs = [
            quick if quick.name in fast_fir else plain
            for quick, plain in zip(fast.subgraphs, graph.subgraphs, strict=True)
        ]
        fast = replace(graph, subgraphs=tuple(subgraphs))
    return accumulate_in_momentum(commit_last(fast))
