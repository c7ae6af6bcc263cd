# SPDX-License-Identifier: Apache-2.0
"""An operator as a nest of loops over tensors: all that tiling and costs need to know of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

FLOAT = 4


@dataclass(frozen=True)
class Index:
    """How far a tile reaches along one axis of a tensor of ``size``.

    ``loop`` None: always all of it. Else ``(t - 1) * stride + window`` for a tile of ``t`` of that
    loop, at most ``size``.
    """

    size: int
    loop: str | None = None
    stride: int = 1
    window: int = 1

    def extent(self, tile: int) -> int:
        if self.loop is None:
            return self.size
        return min(self.size, (tile - 1) * self.stride + self.window)


@dataclass(frozen=True)
class Operand:
    """A tensor that an operator reads or writes; ``tensor`` names what several operators share."""

    tensor: str
    indices: tuple[Index, ...]
    is_output: bool = False
    item: int = FLOAT
    own: bool = False
    """A workspace: every core has one, and none is moved."""

    @property
    def bytes(self) -> int:
        return self.item * math.prod(index.size for index in self.indices)

    def loops(self) -> frozenset[str]:
        return frozenset(index.loop for index in self.indices if index.loop is not None)


@dataclass(frozen=True)
class Work:
    """One operator.

    ``loops``: size of each loop whose turns are independent, by name: tiles cut these alone, so no
    sum is ever split. ``parallel``: those among them whose turns the cores share. ``instructions``
    are divided among cores, those of the whole operator.
    ``macs`` occupy an FPU. ``overheads``: how many launches it is.
    """

    name: str
    kind: str
    phase: str
    loops: tuple[tuple[str, int], ...]
    parallel: tuple[str, ...]
    operands: tuple[Operand, ...]
    macs: float = 0.0
    instructions: float = 0.0
    gathered: float = 0.0
    """Elements that im2col copies, shared like the instructions."""
    replicated: float = 0.0
    """Elements that im2col copies on every core, for its own share of the filters."""
    shares: int = 1
    """Turns within a tile that cores can share, of a loop that tiles do not cut."""
    times: int = 1
    """How often a step runs it."""
    ported: bool = False
    """Run by ``tflm_train/cluster``: see port.py."""
    staged: bool = False
    """Without loops: the port runs it in L1 where it fits, on one core."""

    @property
    def bytes(self) -> int:
        return sum(operand.bytes for operand in self.operands)

    @property
    def sizes(self) -> dict[str, int]:
        return dict(self.loops)


@dataclass(frozen=True)
class TilePlan:
    """Tile sizes in the order of the loops, outermost first; of a converted model, what the port
    is fed with.

    ``buffers`` 2: a tile is fetched while another is computed. ``in_l1`` False: no tile of the
    operator fits, so the cores work in L2.
    """

    order: tuple[str, ...]
    tiles: tuple[int, ...]
    buffers: int
    in_l1: bool = True
    far: bool = False
    """What no tile cuts stays in L2: see port.py."""

    def tile(self, loop: str) -> int:
        return self.tiles[self.order.index(loop)]
