# SPDX-License-Identifier: Apache-2.0
"""Each package names all sources and no others, and its example is compiled from what it names.

By a plain cross compiler: the tools of the packagings themselves are not asked for.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from biotrain_tf.device.build import build_root
from converters import graph as graphs
from converters.emit.op_table import write_op_table
from scripts.make_packages import PACKAGES, make_package
from scripts.packages.sources import library
from tests.device.tiny_model import tiny_model

M7 = ("arm-none-eabi-g++", "-mthumb", "-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard")
# Last: level 1 instead of the packages' 3, since nothing is run here.
LANGUAGE = ("-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-O1")
LINK = ("--specs=nosys.specs", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments")


@dataclass(frozen=True)
class Named:
    """What the manifest of a package says: where its sources are, and how to compile them."""

    root: Path
    sources: set[str]
    flags: tuple[str, ...]
    example: Path


def read_zephyr(folder: Path) -> Named:
    text = (folder / "zephyr" / "CMakeLists.txt").read_text()
    listed = re.search(r"zephyr_library_sources\((.*?)\)", text, re.DOTALL)
    flags = re.search(r"compile_options\((.*?)\)", text)
    assert listed is not None and flags is not None
    names = {name.removeprefix("${BIOTRAIN_DIR}/") for name in listed.group(1).split()}
    assert "cmake: zephyr" in (folder / "zephyr" / "module.yml").read_text()
    return Named(folder, names, tuple(flags.group(1).split()), folder / "samples/train/src")


def read_esp_idf(folder: Path) -> Named:
    root = folder / "components" / "biotrain"
    text = (root / "CMakeLists.txt").read_text()
    listed = re.search(r"SRCS(.*?)INCLUDE_DIRS", text, re.DOTALL)
    flags = re.search(r"PRIVATE (.*?)\)", text)
    assert listed is not None and flags is not None
    return Named(root, set(listed.group(1).split()), tuple(flags.group(1).split()), folder / "main")


def read_arduino(folder: Path) -> Named:
    """All of src/ is compiled, with the flags of the board."""
    root = folder / "src"
    names = {path.relative_to(root).as_posix() for path in root.rglob("*.cc")}
    assert "dot_a_linkage=true" in (folder / "library.properties").read_text()
    return Named(root, names, ("-ffunction-sections", "-fdata-sections"), folder / "examples/Train")


def read_platformio(folder: Path) -> Named:
    build = json.loads((folder / "library.json").read_text())["build"]
    first, *rest = build["srcFilter"]
    assert first == "-<*>"
    names = {name.removeprefix("+<").removesuffix(">") for name in rest}
    return Named(folder, names, tuple(build["flags"]), folder / "examples/train/src")


def read_cmsis_pack(folder: Path) -> Named:
    component = ElementTree.parse(folder / "BioTrain.BioTrain.pdsc").find(".//component")
    assert component is not None
    files = component.findall("files/file")
    names = {file.attrib["name"] for file in files if file.attrib["category"] == "sourceCpp"}
    description = component.findtext("description", "")
    flags = tuple(description.partition(": ")[2].split())
    return Named(folder, names, flags, folder / "examples/train")


READERS: dict[str, Callable[[Path], Named]] = {
    "zephyr": read_zephyr,
    "esp_idf": read_esp_idf,
    "arduino": read_arduino,
    "platformio": read_platformio,
    "cmsis_pack": read_cmsis_pack,
}


@pytest.mark.parametrize("name", PACKAGES)
def test_every_source_is_named_once(name: str, tmp_path: Path) -> None:
    named = READERS[name](make_package(name, tmp_path))
    wanted = set(library().sources)
    assert len(wanted) > 40 and named.sources == wanted
    for path in [*wanted, *library().headers]:
        assert (named.root / path).is_file(), path
    if name != "arduino":
        assert {"-ffp-contract=off", "-O3"} <= set(named.flags)
    assert (named.example / "example.cc").is_file()
    tests = [path for path in named.root.rglob("*") if "_test" in path.stem]
    assert not tests, tests


def test_headers_include_nothing_that_is_left_out() -> None:
    known = {*library().sources, *library().headers}
    looked_at, missing = 0, []
    for name in known:
        text = (Path(__file__).resolve().parents[2] / name).read_text()
        for included in re.findall(r'#include "(tflm_train/[^"]+)"', text):
            looked_at += 1
            if included not in known:
                missing.append(f"{name} includes {included}")
    assert looked_at > 100 and not missing, missing


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKAGES)
def test_the_example_is_linked(
    name: str, tmp_path: Path, need_command: Callable[..., None]
) -> None:
    need_command(M7[0])
    named = READERS[name](make_package(name, tmp_path))
    write_model(named.example)
    example = [named.example / f for f in ("example.cc", "model_data.cc", "model_ops.cc")]
    include = ("-I", str(named.root), "-I", str(named.example))
    objects = [str(compile_once(path, named.flags, include)) for path in example]
    objects += [
        str(compile_once(named.root / s, named.flags, include)) for s in sorted(named.sources)
    ]
    entry = tmp_path / "entry.cc"
    entry.write_text('#include "example.h"\nint main() { return biotrain_example(); }\n')
    program = tmp_path / "example.elf"
    run(*M7, *LANGUAGE, *include, str(entry), *objects, *LINK, "-o", str(program))
    size = program.stat().st_size
    print(f"package={name} sources={len(named.sources)} elf_bytes={size}")
    assert size > 10_000


def write_model(folder: Path) -> None:
    content = tiny_model()
    values = ", ".join(map(str, content))
    (folder / "model_data.h").write_text(
        "#include <cstddef>\nextern const unsigned char g_model_data[];\n"
        "extern const std::size_t g_model_data_size;\n"
        "constexpr std::size_t g_model_data_arena_bytes = 4096;\n"
    )
    (folder / "model_data.cc").write_text(
        f'#include "model_data.h"\nalignas(16) const unsigned char g_model_data[] = {{{values}}};\n'
        "const std::size_t g_model_data_size = sizeof g_model_data;\n"
    )
    write_op_table(graphs.read(content), folder / "model_ops.cc", comment="tiny")


@functools.cache
def headers_hash() -> str:
    root = Path(__file__).resolve().parents[2]
    texts = [(root / name).read_bytes() for name in library().headers]
    return hashlib.sha256(b"".join(texts)).hexdigest()


def compile_once(source: Path, flags: tuple[str, ...], include: tuple[str, ...]) -> Path:
    """Packages carry the same sources; the same flags give the same object."""
    flags = tuple(flag for flag in flags if not flag.startswith("-std="))
    key = repr((source.read_bytes(), flags, headers_hash())).encode()
    out = build_root() / "packages" / f"{hashlib.sha256(key).hexdigest()[:16]}.o"
    if not out.is_file():
        out.parent.mkdir(parents=True, exist_ok=True)
        run(*M7, *flags, *LANGUAGE, *include, "-c", str(source), "-o", str(out))
    return out


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{' '.join(command[:6])} ..: {done.stderr[-2000:]}"
