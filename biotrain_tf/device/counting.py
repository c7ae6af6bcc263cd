# SPDX-License-Identifier: Apache-2.0
"""What QEMU's plugin has counted, and what it must know of a program to count it.

The other end is tflm_train/ports/qemu/insn_count.c. Counts are exact: the plugin adds up every
executed instruction. Loads are words of 32 bits, multiply-adds are lanes.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from biotrain_tf.errors import BiotrainError
from converters.targets import TargetProfile

MARK_SYMBOL = "biotrain_mark"
OP_MARK_SYMBOL = "biotrain_op_mark"

BEGIN_SYMBOL = "main"
STACK_SYMBOLS = ("biotrain_stack_limit", "biotrain_stack_top")

_EVENT = re.compile(
    r"^(mark|op|total|begin) instructions=(\d+) loads=(\d+) fmas=(\d+)(?: stack=(\d+))?$",
    re.MULTILINE,
)
_INSTRUCTION = re.compile(r"^[ \t]*([0-9a-f]+):[ \t]+([a-z]\S*)[ \t]*(.*)$", re.MULTILINE)
_VECTOR_WORDS = 4


@dataclass(frozen=True)
class Executed:
    """How much of each has been executed."""

    instructions: int = 0
    loads: int = 0
    fmas: int = 0

    def __add__(self, other: Executed) -> Executed:
        return Executed(
            self.instructions + other.instructions,
            self.loads + other.loads,
            self.fmas + other.fmas,
        )

    def __sub__(self, other: Executed) -> Executed:
        return self + Executed(-other.instructions, -other.loads, -other.fmas)


@dataclass(frozen=True)
class Interval:
    """Between two marks: everything, and each operator that ran in between, in order.

    ``before`` is what came before the first of them. ``stacks``: bytes of the stack that each of
    the operators was the deepest at; ``stack_at_start``: the deepest before the first interval,
    where that was asked for.
    """

    total: Executed
    before: Executed
    ops: tuple[Executed, ...]
    stacks: tuple[int, ...] = ()
    stack_at_start: int = 0


def read_intervals(text: str) -> list[Interval]:
    """What the plugin wrote: the 1st and 2nd mark enclose an interval, the 3rd and 4th .."""
    intervals: list[Interval] = []
    start: Executed | None = None
    seen: list[Executed] = []
    stacks: list[int] = []
    at_start = 0
    for event, *figures in _EVENT.findall(text):
        now, stack = Executed(*map(int, figures[:3])), int(figures[3] or 0)
        if start is not None and seen:
            stacks.append(stack)
        elif event != "begin" and not intervals:
            at_start = max(at_start, stack)
        if event == "op":
            seen.append(now)
        elif event == "mark" and start is None:
            start, seen, stacks = now, [], []
        elif event == "mark" and start is not None:
            found = _interval(start, seen, now)
            intervals.append(replace(found, stacks=tuple(stacks), stack_at_start=at_start))
            start = None
    return intervals


def _interval(start: Executed, seen: list[Executed], end: Executed) -> Interval:
    borders = [*seen, end]
    ops = tuple(after - before for before, after in pairwise(borders))
    return Interval(total=end - start, before=borders[0] - start, ops=ops)


def write_weights(program: Path, profile: TargetProfile, out: Path) -> int:
    """For the plugin: which instructions load or multiply and add. Returns how many it listed."""
    command = [f"{profile.compiler_prefix}objdump", "-d", "--no-show-raw-insn", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BiotrainError(f"{profile.name}: objdump cannot read {program}: {done.stderr.strip()}")
    lines = list(weights_of(done.stdout))
    out.write_text("".join(f"{address:x} {loads:x} {fmas:x}\n" for address, loads, fmas in lines))
    return len(lines)


def weights_of(disassembly: str) -> Iterator[tuple[int, int, int]]:
    """(address, words loaded, multiply-adds) of each instruction that does either."""
    for address, mnemonic, operands in _INSTRUCTION.findall(disassembly):
        operands = operands.partition(";")[0].partition("@")[0].strip()
        loads, fmas = words_loaded(mnemonic, operands), multiply_adds(mnemonic, operands)
        if loads or fmas:
            yield int(address, 16), loads, fmas


_ONE_WORD = re.compile(
    r"^(?:ldr(?:b|h|sb|sh|ex|t)?(?:eq|ne|[cg][cest]|[lmph][ieslt]|v[cs])?(?:\.[nw])?|l[bhw]u?|flw|lr\.w)$"
)
_MANY_WORDS = re.compile(r"^(?:ldm\w*|pop\w*|vldm\w*|vpop\w*)(?:\.\w+)?$")


def words_loaded(mnemonic: str, operands: str) -> int:
    if _MANY_WORDS.match(mnemonic):
        inside = operands.partition("{")[2].partition("}")[0]
        return sum(_registers(inside.split(",")))
    if mnemonic.startswith("vldr") and len(mnemonic.partition(".")[0]) == 5:
        return _VECTOR_WORDS  # vldrw, vldrh, vldrb
    if mnemonic.startswith(("vld2", "vld4")):
        return _VECTOR_WORDS
    if mnemonic.startswith("vldr"):
        return 2 if operands.startswith("d") else 1
    if mnemonic.startswith(("ldrd", "fld")):
        return 2
    return 1 if _ONE_WORD.match(mnemonic) else 0


def _registers(names: Iterable[str]) -> Iterator[int]:
    """Words that each entry of a register list stands for: ``s16-s31``, ``d8``, ``r4``."""
    for name in filter(None, map(str.strip, names)):
        first, _, last = name.partition("-")
        count = int(last[1:]) - int(first[1:]) + 1 if last else 1
        yield count * {"d": 2, "q": _VECTOR_WORDS}.get(first[0], 1)


def multiply_adds(mnemonic: str, operands: str) -> int:
    name, _, kind = mnemonic.partition(".")
    if re.match(r"^fn?m(?:add|sub)$", name):
        return 1
    if re.match(r"^v(?:fn?m[as]|n?ml[as])", name) and kind.startswith("f"):
        return _VECTOR_WORDS if operands.startswith("q") else 1
    return 0
