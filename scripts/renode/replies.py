# SPDX-License-Identifier: Apache-2.0
"""Keywords for Robot: what a firmware has answered, beside what `biotrain run --json` wrote."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from biotrain_tf.device.protocol import Frame, Kind, Line, ReplyParser
from biotrain_tf.device.renode import read_marks

INSTRUCTIONS_TOLERANCE = 0.01


def replies_should_match(replies: str, counts: str, expected: str) -> str:
    """Losses and weights to the last bit, every step's instructions within 1%; a short report."""
    wanted = json.loads(Path(expected).read_text())
    losses, weights = _read(Path(replies).read_bytes())
    if not losses or losses != wanted["loss"]:
        raise AssertionError(f"losses: wanted {wanted['loss']}; found {losses}")
    digest = hashlib.sha256(weights or b"").hexdigest()
    if weights is None or digest != wanted["weights_sha256"]:
        raise AssertionError(f"weights_sha256: wanted {wanted['weights_sha256']}; found {digest}")
    executed = [step.total.instructions for step in read_marks(Path(counts))]
    furthest = _furthest(executed, wanted["instructions_of_each_step"])
    return (
        f"compared {len(losses)} losses, {len(weights)} bytes of weights and {len(executed)} "
        f"counts, which are {furthest:.4%} apart at most"
    )


def _read(replies: bytes) -> tuple[list[float], bytes | None]:
    """The loss of every step, and the weights that were sent last."""
    losses: list[float] = []
    weights = None
    for reply in ReplyParser().feed(replies):
        if isinstance(reply, Line) and "loss_bits" in reply.values:
            losses += struct.unpack(">f", bytes.fromhex(reply.values["loss_bits"]))
        elif isinstance(reply, Frame) and reply.kind is Kind.WEIGHTS:
            weights = reply.payload
    return losses, weights


def _furthest(found: list[int], wanted: list[int] | None) -> float:
    """The largest deviation, as a part of what was wanted."""
    if not wanted or len(found) != len(wanted):
        raise AssertionError(f"instructions: wanted {wanted}; found {found}")
    apart = max(abs(a - b) / b for a, b in zip(found, wanted, strict=True))
    if not apart <= INSTRUCTIONS_TOLERANCE:
        raise AssertionError(f"instructions: wanted {wanted}; found {found}, {apart:.2%} apart")
    return apart
