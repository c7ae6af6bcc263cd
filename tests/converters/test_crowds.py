# SPDX-License-Identifier: Apache-2.0
"""Loops that are blamed for what does not fit, and groups of changes that are cut by it."""

from __future__ import annotations

from converters.graph import FOR_EACH, Graph, Op, Signature, Subgraph, Tensor
from converters.passes.without_unused import UNUSED, without_unused
from converters.planner.plan import crowded_bodies, least_arena, make_plan
from converters.search.moves import Move
from converters.search.refine import _one_each, _parts


def body(name: str, floats: int) -> Subgraph:
    """x -> a large tensor -> y."""
    tensors = (
        Tensor("x", (4,), "FLOAT32"),
        Tensor("large", (floats,), "FLOAT32"),
        Tensor("y", (4,), "FLOAT32"),
    )
    ops = (Op("TILE", (0,), (1,)), Op("SUM", (1,), (2,)))
    return Subgraph(name, tensors, ops, (0,), (2,))


def step(*sizes: int, unused: bool = False) -> Graph:
    """A loop after the other, each with a body of its own; ``unused``: numbers between them."""
    tensors = [Tensor("x", (8, 4), "FLOAT32")]
    ops, bodies = [], []
    for n, floats in enumerate(sizes):
        bodies += [UNUSED] * unused
        tensors.append(Tensor(f"y{n}", (8, 4), "FLOAT32"))
        number = 1 + len(bodies)
        options = {"subgraph": number, "count": 8, "carried": 0}
        ops.append(Op(FOR_EACH, (n,), (n + 1,), options))
        bodies.append(body(f"body_{n}", floats))
    train = Subgraph("train", tuple(tensors), tuple(ops), (0,), (len(sizes),))
    signature = Signature("train", 0, {"x": 0}, {"loss": len(sizes)})
    return Graph((train, *bodies), {"train": signature})


def test_a_loop_with_too_large_a_tensor_is_found() -> None:
    graph = step(100, 3000, 200, 2000)
    least = least_arena(graph)
    found = [crowded_bodies(graph, room) for room in (least, least - 16, least - 3600, 400)]
    names = [frozenset(f"body_{n}" for n in numbers) for numbers in ((), (1,), (1,), (1, 2, 3))]
    assert found[:2] == names[:2]
    assert found[2] == names[2] and least - 3600 > 2000 * 4
    assert found[3] >= names[3]


def test_bodies_keep_their_numbers_until_a_schedule_is_chosen() -> None:
    graph = step(100, 3000, 200, unused=True)
    plain = without_unused(graph)
    assert len(graph.subgraphs) == 7 and len(plain.subgraphs) == 4
    assert [s.name for s in plain.subgraphs] == ["train", "body_0", "body_1", "body_2"]
    assert plain == step(100, 3000, 200) and without_unused(plain) is plain
    assert make_plan(plain).arena_bytes == make_plan(graph).arena_bytes == least_arena(graph)


def moves(places: str) -> list[Move]:
    return [Move(f"{n}{place}", lambda recipe: recipe, place) for n, place in enumerate(places)]


def words(group: list[Move]) -> str:
    return " ".join(move.words for move in group)


def test_what_is_not_to_blame_goes_first() -> None:
    parts = _parts(moves("abcabdbb"), frozenset("bd"))
    assert [words(part) for part in parts] == ["0a 2c 3a", "1b 4b", "6b 7b"]
    assert [words(part) for part in _parts(moves("abcd"), frozenset("x"))] == ["0a 1b", "2c 3d"]


def test_no_two_of_a_group_are_of_one_place() -> None:
    groups = [words(group) for group in _one_each(moves("aabcab"))]
    assert groups == ["0a 2b 3c", "1a 5b", "4a"]
