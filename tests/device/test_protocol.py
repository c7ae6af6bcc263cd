# SPDX-License-Identifier: Apache-2.0
"""Frames and lines, without a device."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biotrain_tf.device.protocol import (
    MAGIC,
    Command,
    Frame,
    Kind,
    Line,
    ProtocolError,
    Reply,
    ReplyParser,
)

LINES = st.text("abcdefghijklmnopqrstuvwxyz=0123456789 .", min_size=1).map(str.strip).filter(bool)
REPLIES = st.lists(
    st.one_of(
        LINES.map(Line),
        st.builds(Frame, st.sampled_from([Kind.OUTPUT, Kind.WEIGHTS]), st.binary(max_size=300)),
    )
)


def encode(reply: Reply) -> bytes:
    if isinstance(reply, Line):
        return reply.text.encode() + b"\n"
    return Command(reply.kind, reply.payload).encode()


def test_frame_is_what_the_protocol_says() -> None:
    body = b"T" + struct.pack("<I", 3) + b"abc"
    expected = b"\xb7\x7b" + body + struct.pack("<I", zlib.crc32(body))
    assert Command(Kind.TRAIN, b"abc").encode() == expected


@given(REPLIES, st.integers(1, 50))
def test_replies_survive_being_cut_anywhere(replies: list[Reply], piece: int) -> None:
    stream = b"".join(map(encode, replies))
    parser = ReplyParser()
    found = [
        reply
        for start in range(0, len(stream), piece)
        for reply in parser.feed(stream[start : start + piece])
    ]
    assert found == replies


@pytest.mark.parametrize("position", [2, 7, 8, 12])
def test_a_flipped_bit_is_noticed(position: int) -> None:
    frame = bytearray(Command(Kind.OUTPUT, b"12345").encode())
    frame[position] ^= 4
    with pytest.raises(ProtocolError, match="checksum|unknown"):
        list(ReplyParser().feed(bytes(frame)))


def test_an_absurd_length_is_refused_before_it_is_waited_for() -> None:
    header = MAGIC + b"O" + struct.pack("<I", 0xFFFFFFFF)
    with pytest.raises(ProtocolError, match="4294967295"):
        list(ReplyParser().feed(header))


def test_values_of_a_line() -> None:
    line = Line("step=3 loss=0.5 done")
    assert line.values == {"step": "3", "loss": "0.5"}
    assert not line.is_ready and not line.is_verdict
    assert Line("PASS").is_verdict and Line("ready=1 model=m").is_ready
