# SPDX-License-Identifier: Apache-2.0
"""Builds the C++ with make, for one target and one model."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from biotrain_tf.device.interface import DeviceError
from biotrain_tf.device.model import ModelInfo
from biotrain_tf.errors import BiotrainError
from converters import graph as graphs
from converters.emit.op_table import write_op_table
from converters.targets import MemoryRegion, TargetProfile

SOURCES = Path(__file__).resolve().parents[2]
# Room in a region beside the arena: stack, .data, .bss. See ports/sections.ld.
SRAM_RESERVE = 128 << 10
# What no firmware of ours can do without beside its arena.
LEAST_STACK = 2 << 10


@dataclass(frozen=True)
class Firmware:
    """A linked program with a model inside (on the host: beside it)."""

    profile: TargetProfile
    program: Path
    model: ModelInfo


def build_root() -> Path:
    """Where objects are kept: the checkout's build/, or the user's cache if that is read-only."""
    if chosen := os.environ.get("BIOTRAIN_BUILD_DIR"):
        return Path(chosen).resolve()
    if (SOURCES / "setup.py").exists() and os.access(SOURCES, os.W_OK):
        return SOURCES / "build" / "firmware"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "biotrain" / "firmware"


def require_compiler(profile: TargetProfile) -> None:
    for command in (f"{profile.compiler_prefix}g++", "make"):
        if shutil.which(command) is None:
            packages = " ".join(profile.compiler_apt_packages)
            raise BiotrainError(
                f"compiler: target {profile.name} wants {command}; found none; "
                f"install it with: sudo apt-get install {packages}"
            )


def build_host_runner(*, profile: TargetProfile, sanitize: bool = False) -> Path:
    make(profile, "runner", sanitizer="memory" if sanitize else None)
    return build_folder(profile, sanitizer="memory" if sanitize else None) / "runner"


def tiles_of(model: Path) -> Path | None:
    """The plans that a conversion for GAP9 leaves beside the model."""
    path = model.with_name(f"{model.stem}_model_tiles.cc")
    return path.resolve() if path.is_file() else None


def build_cluster_runner(
    *,
    profile: TargetProfile,
    tiles: Path | None = None,
    find_races: bool = False,
    counts: bool = False,
) -> Path:
    """The host's runner whose ops run in tiles, on a thread for each core of a cluster.

    ``tiles``: plans that it obeys, for one model. ``counts``: the cores in turn, and what the DMA
    moves is counted.
    """
    sanitizer = "threads" if find_races else None
    cluster = "counting" if counts else "threads"
    content = b"" if tiles is None else tiles.read_bytes()
    key = hashlib.sha256(content).hexdigest()[:12]
    out = build_folder(profile, sanitizer=sanitizer) / "clusters" / f"{cluster}-{key}"
    variables = {"CLUSTER": cluster, "MODEL_TILES": str(tiles or ""), "OUT": str(out)}
    make(profile, "cluster_runner", sanitizer=sanitizer, variables=variables)
    return out / "cluster_runner"


def build_plugin(host: TargetProfile) -> Path:
    """The QEMU plugin that counts instructions."""
    make(host, "plugin")
    return build_folder(host) / "insn_count.so"


def build_tests(profile: TargetProfile, *, sanitize: bool = False) -> list[Path]:
    """Every foo_test.cc as a program."""
    sanitizer = "memory" if sanitize else None
    make(profile, "tests", sanitizer=sanitizer)
    folder = build_folder(profile, sanitizer=sanitizer) / "tests"
    return sorted(path for path in folder.rglob("*_test") if path.is_file())


def build_kernel_bench(profile: TargetProfile) -> Path:
    """The program that runs single kernels; see tflm_train/bench."""
    make(profile, "bench")
    return build_folder(profile) / "bench_kernels"


def build_step_timer(host: TargetProfile) -> Path:
    """The program that times training steps on this machine; see tflm_train/bench/host."""
    make(host, "timer")
    return build_folder(host) / "step_timer"


def build_replay(host: TargetProfile) -> Path:
    """The program that wears a recording on this machine; see tflm_train/adapt/host."""
    make(host, "replay")
    return build_folder(host) / "replay"


def build_firmware(
    *,
    profile: TargetProfile,
    model: ModelInfo,
    cut: bool = False,
    more_objects: Sequence[Path] = (),
    cluster: bool = False,
) -> Firmware:
    """``cut``: a model made for so much RAM on this target gets no more, and what lies behind it
    is for an emulator to paint. ``more_objects`` are linked, too. ``cluster``: its ops run in
    tiles, by the cores of a cluster in turn.
    """
    limited = cut and model.ram is not None and model.ram[0] == profile.name
    if 1 < len(model.regions) <= len(profile.ram):
        ram = _regions(profile, model, limited=limited)
    else:
        ram = _one_region(profile, model, limited=limited)
    tiles = tiles_of(model.path) if cluster else None
    settings = str((ram, more_objects, cluster)).encode()
    content = model.content + model.name.encode() + model.stored + settings
    content += b"" if tiles is None else tiles.read_bytes()
    key = hashlib.sha256(content).hexdigest()[:12]
    out = build_folder(profile) / "models" / f"{re.sub(r'[^A-Za-z0-9_-]', '_', model.name)}-{key}"
    out.mkdir(parents=True, exist_ok=True)
    ops = write_op_table(
        graphs.read(model.content), out / "model_ops.cc", comment=f"The ops of {model.name}."
    )
    (out / "samples.bin").write_bytes(model.stored)
    make(
        profile,
        "firmware",
        variables={
            "MODEL": str(model.path.resolve()),
            "MODEL_OPS": str(ops),
            "MODEL_NAME": name_in_program(model),
            "CLUSTER": "sequential" if cluster else "",
            "MODEL_TILES": str(tiles or ""),
            "MORE_OBJECTS": " ".join(str(path) for path in more_objects),
            "OUT": str(out),
            **ram,
        },
    )
    return Firmware(profile, out / "firmware.elf", model)


def name_in_program(model: ModelInfo) -> str:
    """What a firmware says it is, in its ready line."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", model.name)


def _one_region(profile: TargetProfile, model: ModelInfo, *, limited: bool) -> dict[str, str]:
    """What make is told of the arena, and of the RAM if there is less than the target has."""
    region = arena_region(profile, model.arena_bytes)
    section = ".arena" if region == profile.ram[0] else f".{region.name.lower()}"
    ram = {"ARENA_BYTES": str(model.arena_bytes), "ARENA_SECTION": section}
    if not limited or model.ram is None or section != ".arena":
        return ram
    size = min(model.ram[1] // 16 * 16, region.length)
    return ram | _cut(region, model.arena_bytes, size)


def _cut(region: MemoryRegion, arena_bytes: int, size: int) -> dict[str, str]:
    if arena_bytes + LEAST_STACK > size:
        raise BiotrainError(
            f"ram: the model is made for {size} bytes; its arena and a stack want "
            f"{arena_bytes + LEAST_STACK}; convert with a larger --ram"
        )
    return {"RAM_BYTES": str(size), "BEYOND_BYTES": str(region.length - size)}


def _regions(profile: TargetProfile, model: ModelInfo, *, limited: bool) -> dict[str, str]:
    """The same for a plan of two regions: they are the target's first memories, in their order."""
    for memory, size in zip(profile.ram, model.regions, strict=False):
        if size > memory.length:
            raise BiotrainError(
                f"{memory.name}: the model wants {size} bytes of it; target {profile.name} has "
                f"{memory.length}; convert with smaller regions in --ram"
            )
    first, *others = model.regions
    more = [
        f'REGION(biotrain_arena_{n}, {max(16, size)}, ".{memory.name.lower()}")'
        for n, (memory, size) in enumerate(zip(profile.ram[1:], others, strict=False), 1)
    ]
    ram = {
        "ARENA_BYTES": str(max(16, first)),
        "ARENA_SECTION": ".arena",
        "MORE_REGIONS": " ".join(more),
    }
    if limited and model.region_limits:
        limits = [size // 16 * 16 for size in model.region_limits]
        ram |= _cut(profile.ram[0], first, min(limits[0], profile.ram[0].length))
        ram["PSRAM_BYTES"] = str(min(limits[1], profile.ram[1].length))
    return ram


def arena_region(profile: TargetProfile, arena_bytes: int) -> MemoryRegion:
    """The first RAM that holds the arena; BiotrainError if none does."""
    for region in profile.ram:
        reserve = SRAM_RESERVE if region == profile.ram[0] else 0
        if arena_bytes + reserve <= region.length:
            return region
    largest = max(region.length for region in profile.ram)
    raise BiotrainError(
        f"arena: the model wants {arena_bytes} bytes; target {profile.name} has {largest} at most; "
        "convert with a smaller --batch-size"
    )


# What the Makefile calls a sanitizer: of memory and undefined behaviour, or of threads.
_SANITIZE = {None: "", "memory": "1", "threads": "-threads"}
_FOLDER = {None: "", "memory": "-sanitize", "threads": "-sanitize-threads"}


def build_folder(profile: TargetProfile, *, sanitizer: str | None = None) -> Path:
    return build_root() / (profile.name + _FOLDER[sanitizer])


def make(
    profile: TargetProfile,
    goal: str,
    *,
    sanitizer: str | None = None,
    variables: dict[str, str] | None = None,
) -> None:
    """Runs make; DeviceError carries the compiler's first complaint."""
    require_compiler(profile)
    makefile = SOURCES / "tflm_train" / "Makefile"
    if not makefile.is_file():
        raise BiotrainError(
            f"sources: wanted {makefile}; found none; install with `pip install -e` from a checkout"
        )
    settings = {
        "TARGET": profile.name,
        "BUILD_ROOT": str(build_root()),
        "PYTHON": sys.executable,
        "SANITIZE": _SANITIZE[sanitizer],
        **(variables or {}),
    }
    command = ["make", "--no-print-directory", "-j2", "-f", "tflm_train/Makefile", goal]
    command += [f"{name}={value}" for name, value in settings.items()]
    with _locked(build_folder(profile, sanitizer=sanitizer)):
        done = subprocess.run(
            command,
            cwd=SOURCES,
            capture_output=True,
            text=True,
            check=False,
            # Words of a compiler's message are looked for below.
            env={**os.environ, "LC_ALL": "C"},
        )
    if done.returncode != 0:
        raise _explain(profile, done.stderr + done.stdout)


def _explain(profile: TargetProfile, output: str) -> BiotrainError:
    overflow = re.search(r"region `(\w+)' overflowed by (\d+) bytes", output)
    if overflow is not None:
        name, excess = overflow.groups()
        length = next((r.length for r in profile.regions if r.name == name), 0)
        return BiotrainError(
            f"{name}: target {profile.name} has {length} bytes; the firmware wants "
            f"{length + int(excess)}; use a smaller model"
        )
    lines = output.strip().splitlines()
    first = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "")
    return DeviceError(f"build for {profile.name} failed: {first.strip()}")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two builds of one target must not write the same objects at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
