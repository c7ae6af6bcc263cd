# SPDX-License-Identifier: Apache-2.0
"""The ops of one model as an op resolver of TFLM: tflm_train/tflm registers them."""

from __future__ import annotations

from pathlib import Path

from converters.emit.c_array import identifier
from converters.graph import Graph


def resolver_name(base: str) -> str:
    """``eegnet_wide`` → ``EegnetWideOps``."""
    return "".join(part.capitalize() for part in identifier(base).split("_")) + "Ops"


def write_tflm_ops(graph: Graph, path: Path, *, base: str, comment: str) -> Path:
    """Write the class that adds every op of the model to a ``MicroMutableOpResolver``."""
    ops = {op.kind: op.custom for subgraph in graph.subgraphs for op in subgraph.ops}
    custom = sorted(kind for kind, is_custom in ops.items() if is_custom)
    builtins = sorted(ops.keys() - set(custom))
    adds = [f'    this->AddTrainingOp("{kind}");\n' for kind in custom]
    builtin = "    this->AddTrainingBuiltin(tflite::BuiltinOperator_{});\n"
    adds += [builtin.format(kind) for kind in builtins]
    name, guard = resolver_name(base), f"BIOTRAIN_{identifier(base).upper()}_TFLM_OPS_H_"
    counts = f"{len(custom)}, {len(builtins)}"
    path.write_text(
        f"// {comment}\n// For TFLM: link {identifier(base)}_model_ops.cc beside it.\n"
        f"#ifndef {guard}\n#define {guard}\n\n"
        '#include "tflm_train/tflm/op_resolver.h"\n\n'
        "// kMore: ops of the application's own.\n"
        "template <unsigned kMore = 0>\n"
        f"class {name} : public biotrain::TrainingOpResolver<{counts}, kMore> {{\n"
        f" public:\n  {name}() {{\n{''.join(adds)}  }}\n}};\n\n#endif  // {guard}\n"
    )
    return path
