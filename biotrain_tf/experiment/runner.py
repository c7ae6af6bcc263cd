# SPDX-License-Identifier: Apache-2.0
"""A conversation with a runner, on this machine or emulated: weights in, batches, answers out."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.device.interface import Counts, Device, DeviceError
from biotrain_tf.device.model import read_model
from biotrain_tf.device.protocol import Command, Frame, Kind, Line, Reply
from biotrain_tf.device.run import make_device
from biotrain_tf.experiment.flatbuffers import Flatbuffer
from converters.targets import TARGETS

_TIMEOUT_S = 600.0
_NOT_FINITE = "error=kLossNotFinite"


@dataclass(frozen=True)
class Evaluate:
    """Ask for the class probabilities of X, (windows, channels, times, 1)."""

    X: NDArray[np.float32]


@dataclass(frozen=True)
class Train:
    """One step on each batch of these rows of X and y."""

    X: NDArray[np.float32]
    y: NDArray[np.int32]
    batches: Sequence[NDArray[np.intp]]


Act = Evaluate | Train


@dataclass
class Answers:
    """`outputs`: (windows, classes) for each Evaluate, in order. A loss that was not finite is NaN:
    that step was refused, and changed no weight.
    """

    outputs: list[NDArray[np.float32]]
    losses: list[float]
    state: bytes
    counts: Counts = field(default_factory=Counts)


@dataclass
class _Listener:
    name: str
    replies: list[NDArray[np.float32]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    state: bytes = b""
    refused: int = 0
    passed: bool = False

    def __call__(self, command: Command, reply: Reply) -> None:
        if isinstance(reply, Frame):
            if reply.kind is Kind.OUTPUT:
                self.replies.append(np.frombuffer(reply.payload, "<f4"))
            else:
                self.state = reply.payload
        elif reply.text.startswith(_NOT_FINITE):
            self.losses.append(math.nan)
            self.refused += 1
        elif reply.text.startswith("error="):
            raise DeviceError(f"{self.name}: refused {command.kind.name}: {reply.text}")
        elif reply.is_verdict:
            self.passed = reply.text == "PASS"
        else:
            self._loss(reply)

    def _loss(self, line: Line) -> None:
        if "loss_bits" in line.values:
            (loss,) = struct.unpack(">f", bytes.fromhex(line.values["loss_bits"]))
            self.losses.append(loss)


class Runner:
    """A flatbuffer on a target; each `play` starts it afresh."""

    def __init__(self, flatbuffer: Flatbuffer, target: str = "host") -> None:
        self.flatbuffer = flatbuffer
        self.info = read_model(flatbuffer.path)
        profile = TARGETS[target]
        self.device: Device = make_device(profile, self.info, emulator="qemu", link=None)
        self._first: bytes | None = None

    def first_state(self) -> bytes:
        """What the flatbuffer saves before anything was restored."""
        if self._first is None:
            self._first = self._say([Command(Kind.SAVE)])[0].state
        return self._first

    def play(self, state: bytes, acts: Sequence[Act]) -> Answers:
        """Restore `state`, do `acts` in order, save."""
        commands = [Command(Kind.RESTORE, state)]
        for act in acts:
            commands += self._commands(act)
        listener, counts = self._say([*commands, Command(Kind.SAVE)])
        outputs, begin = [], 0
        for act in acts:
            if isinstance(act, Evaluate):
                part = listener.replies[begin : begin + len(act.X)]
                outputs.append(np.array(part).reshape(len(act.X), -1))
                begin += len(act.X)
        steps = sum(len(act.batches) for act in acts if isinstance(act, Train))
        if begin != len(listener.replies) or steps != len(listener.losses):
            raise DeviceError(
                f"{self.device.name}: wanted {begin} answers and {steps} losses; found "
                f"{len(listener.replies)} and {len(listener.losses)}"
            )
        return Answers(outputs, listener.losses, listener.state, counts)

    def _commands(self, act: Act) -> list[Command]:
        if isinstance(act, Evaluate):
            return [Command(Kind.INFER, x.astype("<f4").tobytes()) for x in act.X]
        return [
            Command(
                Kind.TRAIN,
                act.X[rows].astype("<f4").tobytes() + act.y[rows].astype("<i4").tobytes(),
            )
            for rows in act.batches
        ]

    def _say(self, commands: list[Command]) -> tuple[_Listener, Counts]:
        listener = _Listener(self.device.name)
        counts = self.device.run([*commands, Command(Kind.QUIT)], listener, timeout_s=_TIMEOUT_S)
        if not listener.passed and not listener.refused:
            raise DeviceError(f"{self.device.name}: did not end with PASS")
        return listener, counts


def batches_of(
    count: int,
    epochs: int,
    *,
    size: int,
    seed: int,
    labels: NDArray[np.int32] | None = None,
) -> list[NDArray[np.intp]]:
    """Rows of each batch: `epochs` times through `count` windows, in an order of its own each
    time. A device that keeps its calibration does the same; the last batch begins again.

    With `labels` all classes that occur are drawn equally often, the rarer ones again and again.
    """
    rng = np.random.default_rng([seed, count])
    if labels is None:
        rows = np.concatenate([rng.permutation(count) for _ in range(epochs)])
    else:
        members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        each = -(-count * epochs // len(members))
        drawn = [
            np.concatenate([rng.permutation(mine) for _ in range(-(-each // len(mine)))])[:each]
            for mine in members
        ]
        rows = np.stack(drawn, axis=1).reshape(-1)[: count * epochs]
    rows = np.concatenate([rows, np.resize(rows, -len(rows) % size)])
    return list(rows.reshape(-1, size))
