# SPDX-License-Identifier: Apache-2.0
"""The plans of a converted model as C++: the table that the port obeys, tflm_train/cluster."""

from __future__ import annotations

from pathlib import Path

from converters.gap9.graph_works import Counts, graph_works
from converters.gap9.machine import Machine, read_costs
from converters.gap9.port import table_entry
from converters.gap9.tiler import best_plan
from converters.graph import Graph


def tile_files(graph: Graph | None, path: Path, *, counts: Counts, comment: str) -> dict[str, str]:
    """What is written for GAP9, by its name in the report. None: for another target, and beside
    that model one of an earlier conversion would be obeyed.
    """
    path.unlink(missing_ok=True)
    if graph is None:
        return {}
    return {"tile_table": str(write_tile_table(graph, path, counts=counts, comment=comment))}


def write_tile_table(graph: Graph, path: Path, *, counts: Counts, comment: str) -> Path:
    """One entry for every operator that fits L1 in tiles, of any signature: the plans that the
    estimate is of.
    """
    machine, costs = Machine(), read_costs()
    entries: dict[tuple[int, int], str] = {}
    for signature in graph.signatures:
        for work in graph_works(graph, signature, counts)[0]:
            plan = best_plan(work, machine, costs)
            if plan.order and plan.in_l1:
                subgraph, op = (int(number) for number in work.name.split("."))
                entries[subgraph, op] = table_entry(subgraph, op, work, plan, machine)
    lines = "".join(entries[key] for key in sorted(entries))
    plans = f"constexpr TilePlan kPlans[] = {{\n{lines}}};\n" if entries else ""
    table = f"{{kPlans, {len(entries)}}}" if entries else "{nullptr, 0}"
    path.write_text(
        f'// {comment}\n#include "tflm_train/cluster/tiled_op.h"\n\n'
        "namespace biotrain {\n\n"
        "// Subgraph, op, what tiles are cut by, cores, places for inputs, whether what is\n"
        "// not cut stays in L2, units of a tile.\n"
        f"{plans}extern constexpr TileTable kProgramTiles = {table};\n\n"
        "}  // namespace biotrain\n"
    )
    return path
