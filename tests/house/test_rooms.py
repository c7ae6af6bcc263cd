# SPDX-License-Identifier: Apache-2.0
"""Imports and includes run one way: the table is in rooms.py."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.rooms import CPP, PYTHON, is_in, room_of
from tests.house.tree import REPO, project_files

TOP_LEVEL = {name.split(".")[0] for name in PYTHON}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = REPO.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imported_modules(source: str, module: str, is_package: bool) -> set[str]:
    """The modules of this project that `source` imports, by absolute name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".") if is_package else module.split(".")[:-1]
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            names = (f"{prefix}.{alias.name}" for alias in node.names)
            found.update(name if is_module(name) else prefix for name in names)
    return {name for name in found if name.split(".")[0] in TOP_LEVEL}


def may_import(module: str, imported: str) -> bool:
    room = room_of(module, PYTHON, ".")
    if room is None:
        return False
    # The face of a package may collect what lies inside it.
    if module == room and is_in(imported, module, "."):
        return True
    if "." in room and room_of(imported, PYTHON, ".") == room:
        return True
    return any(is_in(imported, allowed, ".") for allowed in PYTHON[room])


def test_python_imports_run_one_way() -> None:
    compared, wrong = 0, []
    for path in project_files(".py"):
        if path.parts[0] not in TOP_LEVEL:
            continue
        module = module_name(path)
        source = (REPO / path).read_text()
        for imported in sorted(imported_modules(source, module, path.name == "__init__.py")):
            compared += 1
            if not may_import(module, imported):
                wrong.append(f"{path} imports {imported}")
    assert compared >= 30, f"only {compared} imports were looked at"
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("module", "imported", "allowed"),
    [
        ("converters.planner.solver", "converters.graph", True),
        ("converters.planner.solver", "converters.planner.problem", True),
        ("converters.planner.solver", "converters.passes", False),
        ("converters.planner.solver", "biotrain_tf", False),
        ("converters.graph", "converters.planner", False),
        ("converters.convert_trainable", "converters.planner", True),
        ("biotrain_tf.cli.convert", "converters", True),
        ("biotrain_tf.models.eegnet", "converters", False),
        ("tests.oracle.keras_steps", "converters", False),
        ("tests.oracle.keras_steps", "tests.oracle", True),
    ],
)
def test_the_rules_themselves(module: str, imported: str, allowed: bool) -> None:
    assert may_import(module, imported) == allowed


def test_solver_and_verifier_of_the_planner_share_no_code() -> None:
    used = {}
    for name in ("solver", "verify"):
        path = Path(f"converters/planner/{name}.py")
        source = (REPO / path).read_text()
        imported = imported_modules(source, module_name(path), is_package=False)
        used[name] = {module for module in imported if is_in(module, "converters.planner", ".")}
        assert used[name], f"{path} imports nothing of its room: is it still what it was?"
    assert "converters.planner.solver" not in used["verify"]
    assert "converters.planner.verify" not in used["solver"]
    assert not used["solver"] & used["verify"], used


def test_cpp_includes_run_one_way() -> None:
    compared, wrong = 0, []
    for path in project_files(".h", ".cc", ".c"):
        folder = room_of(str(path.parent), CPP, "/")
        if folder is None:
            continue
        allowed = CPP[folder] | {folder}
        if path.stem.endswith("_test"):
            allowed = allowed | {"tflm_train/testing"}
        for included in INCLUDE.findall((REPO / path).read_text()):
            compared += 1
            if not any(is_in(included, room, "/") for room in allowed):
                wrong.append(f"{path} includes {included}")
    assert compared >= 30, f"only {compared} includes were looked at"
    assert not wrong, "\n".join(wrong)


def test_kernels_know_no_flatbuffer_and_no_libm() -> None:
    sources = [
        path
        for path in project_files(".h", ".cc", under="tflm_train/kernels")
        if "_test" not in path.stem
    ]
    assert len(sources) >= 10
    for path in sources:
        text = (REPO / path).read_text()
        assert "flatbuffer" not in text.lower(), path
        calls = re.findall(r"\bstd::(?:exp|log|tanh|pow|expm1|log1p|sin|cos)\w*\(", text)
        assert not calls, f"{path} calls {calls}"
