# SPDX-License-Identifier: Apache-2.0
"""Changes of a schedule that may save instructions where there is RAM left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from converters.graph import Graph, Op, Subgraph, bodies_under
from converters.passes.commit_last import NOTES
from converters.passes.fast_fir import add_fast_fir
from converters.passes.fetch_again import code_readers, loops_over_codes
from converters.passes.slope_sums import SLOPES
from converters.passes.stream_channels import Chain
from converters.passes.without_notes import notes
from converters.search.recipe import Place, Prepared, Recipe, in_loops


@dataclass(frozen=True)
class Move:
    """``words`` are for the report. ``where``: the streamed subgraph that it changes, if it is no
    more than one. ``pieces``: a chain, and in how many it is to run.
    """

    words: str
    of: Callable[[Recipe], Recipe]
    where: str | None = None
    pieces: tuple[Place, int] | None = None
    alone: bool = False
    """Whether another one may undo what it saves."""

    def is_done(self, recipe: Recipe) -> bool:
        """Whether the chain runs in as few pieces already: then it saves nothing."""
        if self.pieces is None:
            return False
        place, count = self.pieces
        return recipe.slices.get(place, count + 1) <= count


def moves(prepared: Prepared, recipe: Recipe, graph: Graph) -> Iterator[Move]:
    """Those of a recipe and its graph: chains in fewer pieces, tensors stored instead of computed
    again, tensors instead of their bits, codes kept, samples as floats, fast algorithms.
    """
    loops = _loops_with(prepared, graph)
    for place, chain, subgraph in _chains(prepared, recipe):
        where = f"chain {place[1]} of {place[0]}"
        for count in range(1, chain.channels):
            if chain.channels % count == 0:
                pieces = "one piece" if count == 1 else f"{count} pieces"
                change = partial(_in_pieces, place=place, count=count)
                yield Move(f"{where} in {pieces}", change, place[0], (place, count))
        for op in subgraph.ops:
            if not op.outputs or op.outputs[0] not in chain.outputs or not _worth_keeping(op):
                continue
            # It, or what it is made from, is computed more than once.
            near = [subgraph.tensors[t].name for t in (*op.inputs, *op.outputs) if t >= 0]
            if any(loops[place[0], name] > 1 for name in near):
                words = f"{where}: {op.kind} {op.outputs[0]} stored, not computed again"
                yield Move(words, partial(_keeping, place=place, tensors=op.outputs), place[0])
    looped = in_loops(prepared, recipe)
    for index in prepared.streamed:
        name = prepared.graph.subgraphs[index].name
        readers = code_readers(looped, index)
        if len(readers) > 1:
            change = partial(_fetching_once, name=name)
            yield Move(f"codes kept in {name}", change, name, alone=True)
        for n in loops_over_codes(looped, index):
            words = f"reader {n} in {name} fetches once for all iterations"
            yield Move(words, partial(_fetching_around, place=(name, n)), name, alone=True)
        for n in range(len(readers)):
            words = f"reader {n} in {name} has all of a sample as floats"
            yield Move(words, partial(_as_floats, place=(name, n)), name, alone=True)
    owner = _owners(prepared, graph)
    for subgraph in graph.subgraphs:
        for op, noted in notes(subgraph):
            words = not_used(op, noted, subgraph.name)
            change = partial(_whole, place=(subgraph.name, noted))
            yield Move(words, change, owner.get(subgraph.name))
    # Also where chains that are in loops now may come to be whole.
    for name in dict.fromkeys((*_may_be_fast(graph), *_may_be_fast(prepared.graph))):
        words = f"workspaces of fast filters in {name}"
        yield Move(words, partial(_fast_in, name=name), owner.get(name))


def _may_be_fast(graph: Graph) -> list[str]:
    pairs = zip(graph.subgraphs, add_fast_fir(graph).subgraphs, strict=True)
    return [plain.name for plain, fast in pairs if len(fast.tensors) > len(plain.tensors)]


def _loops_with(prepared: Prepared, graph: Graph) -> Counter[tuple[str, str]]:
    """By streamed subgraph and tensor: how many of its loops compute (some of) it."""
    return Counter(
        (owner.name, name)
        for owner in (graph.subgraphs[index] for index in prepared.streamed)
        for body in bodies_under(owner, graph.subgraphs)
        for name in {body.tensors[t].name for op in body.ops for t in op.outputs}
    )


def _owners(prepared: Prepared, graph: Graph) -> dict[str, str]:
    """By the names of streamed subgraphs and of the bodies in them: the streamed ones."""
    streamed = [graph.subgraphs[index] for index in prepared.streamed]
    return {s.name: owner.name for owner in streamed for s in _and_under(owner, graph)}


def _and_under(subgraph: Subgraph, graph: Graph) -> tuple[Subgraph, ...]:
    return subgraph, *bodies_under(subgraph, graph.subgraphs)


def not_used(note: Op, tensor: int, subgraph: str) -> str:
    """In words, bits or indices that are taken back."""
    return f"{note.kind} {tensor} of {subgraph} not used"


def _in_pieces(recipe: Recipe, *, place: Place, count: int) -> Recipe:
    return replace(recipe, slices={**recipe.slices, place: count})


def _worth_keeping(op: Op) -> bool:
    return "Conv2D" in op.kind or op.kind == SLOPES or op.kind in NOTES


def _keeping(recipe: Recipe, *, place: Place, tensors: tuple[int, ...]) -> Recipe:
    return replace(recipe, kept=recipe.kept | {(place, t) for t in tensors})


def _fast_in(recipe: Recipe, *, name: str) -> Recipe:
    return replace(recipe, fast_fir=(recipe.fast_fir or frozenset()) | {name})


def _whole(recipe: Recipe, *, place: Place) -> Recipe:
    return replace(recipe, whole=recipe.whole | {place})


def _fetching_once(recipe: Recipe, *, name: str) -> Recipe:
    return replace(recipe, fetch_once=recipe.fetch_once | {name})


def _fetching_around(recipe: Recipe, *, place: Place) -> Recipe:
    return replace(recipe, around=recipe.around | {place})


def _as_floats(recipe: Recipe, *, place: Place) -> Recipe:
    return replace(recipe, floats=recipe.floats | {place})


def _chains(prepared: Prepared, recipe: Recipe) -> Iterator[tuple[Place, Chain, Subgraph]]:
    if recipe.at_least is None:
        return
    for index in prepared.streamed:
        subgraph = prepared.graph.subgraphs[index]
        for n, chain in enumerate(prepared.chains_of(index, recipe.at_least)):
            yield (subgraph.name, n), chain, subgraph
