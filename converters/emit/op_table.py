# SPDX-License-Identifier: Apache-2.0
"""The ops of one model as C++: the table that a firmware links instead of the one with all ops."""

from __future__ import annotations

from pathlib import Path

from converters.graph import Graph


def write_op_table(graph: Graph, path: Path, *, comment: str) -> Path:
    """Write the table of every op that any signature runs. Linked before the library it leaves
    out all kernels but those of these ops.
    """
    names = "".join(f'    "{kind}",\n' for kind in graph.op_kinds())
    path.write_text(
        f'// {comment}\n#include "tflm_train/micro/ops/all_ops.h"\n\n'
        "namespace biotrain {\n\n"
        f"constexpr const char* kNames[] = {{\n{names}}};\n"
        # With its size deduced GCC would keep it in RAM.
        f"constexpr SelectedOps<{len(graph.op_kinds())}> kModelOps(kNames);\n"
        "extern constexpr OpTable kProgramOps(kModelOps.entries, kModelOps.count);\n\n"
        "}  // namespace biotrain\n"
    )
    return path
