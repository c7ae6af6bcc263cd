# SPDX-License-Identifier: Apache-2.0
"""Prints the make variables of a target: flags from flags.bzl, the rest from its profile."""

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent


def read_flags(path: Path = HERE / "flags.bzl") -> dict[str, Any]:
    """The assignments of flags.bzl, which are Python literals."""
    tree = ast.parse(path.read_text())
    values: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = ast.literal_eval(node.value)
    return values


def load_targets() -> ModuleType:
    """The package converters.targets alone: make must not wait for TensorFlow's import."""
    package = HERE.parent / "converters" / "targets"
    spec = importlib.util.spec_from_file_location(
        "biotrain_targets", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def host_has_fma(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    return cpuinfo.exists() and " fma " in cpuinfo.read_text()


def newest(flag: str) -> str:
    """``flag`` with NEWEST replaced by the highest version in the folder before it."""
    head, mark, tail = flag.partition("NEWEST")
    if not mark:
        return flag
    versions = [entry.name for entry in Path(head).glob("[0-9]*") if entry.is_dir()]
    if not versions:
        return flag
    return head + max(versions, key=lambda v: [int(n) for n in v.split(".")]) + tail


def make_variables(target: str) -> dict[str, str]:
    flags = read_flags()
    profile = load_targets().get(target)
    arch = [newest(flag) for flag in flags["ARCH"][profile.arch]]
    if profile.is_host:
        arch += flags["HOST_FMA"] if host_has_fma() else []
        port_copts, runner_copts, linkopts = [], [], flags["HOST_LINKOPTS"]
    else:
        port_copts, runner_copts = flags["BARE_METAL_COPTS"], flags["RUNNER_COPTS"]
        linkopts = flags["BARE_METAL_LINKOPTS"]
    return {
        "PREFIX": profile.compiler_prefix,
        "ARCH": " ".join(arch),
        "COPTS": " ".join([*flags["COPTS"], *port_copts]),
        "RUNNER_COPTS": " ".join(runner_copts),
        "CXXOPTS": " ".join(flags["CXXOPTS"]),
        "LINKOPTS": " ".join(linkopts),
        "TEST_LIBS": " ".join(flags["TEST_LIBS"][profile.arch]),
        "SANITIZE_OPTS": " ".join(flags["SANITIZE"]),
        "SANITIZE_THREADS_OPTS": " ".join(flags["SANITIZE_THREADS"]),
        "PORT": profile.port,
        "UART": profile.uart.driver if profile.uart else "",
        "LINKER_SCRIPT": profile.linker_script,
    }


def main() -> int:
    for name, value in make_variables(sys.argv[1]).items():
        print(f"{name} := {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
