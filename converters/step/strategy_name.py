# SPDX-License-Identifier: Apache-2.0
"""The names of strategies, read once: ``last-3``, ``layers:conv,dense``, ``lora:4``."""

from __future__ import annotations

from dataclasses import dataclass

from converters.errors import ConversionError

STRATEGIES = (
    "none",
    "last-layer",
    "last-N",
    "layers:NAME,NAME",
    "norm",
    "bias",
    "sparse:FRACTION",
    "lora:RANK",
    "layer-wise",
    "full",
)
"""How a user writes them."""
_PLAIN = frozenset({"none", "norm", "bias", "layer-wise", "full"})


@dataclass(frozen=True)
class Strategy:
    """``kind`` is none, last, layers, norm, bias, sparse, lora, layer-wise or full; ``count`` is of
    ``last`` the layers, of ``lora`` the rank.
    """

    kind: str
    count: int = 0
    names: tuple[str, ...] = ()
    fraction: float = 1.0


def read_strategy(text: str) -> Strategy:
    """``ConversionError`` if it is none of ``STRATEGIES``."""
    head, _, tail = text.partition(":")
    if text in _PLAIN:
        return Strategy(text)
    if text == "last-layer":
        return Strategy("last", 1)
    if text.startswith("last-") and _is_count(text[5:]):
        return Strategy("last", int(text[5:]))
    if head == "layers" and all(tail.split(",")):
        return Strategy("layers", names=tuple(tail.split(",")))
    if head == "lora" and _is_count(tail):
        return Strategy("lora", int(tail))
    if head == "sparse" and 0 < _number(tail) <= 1:
        return Strategy("sparse", fraction=_number(tail))
    raise ConversionError(
        f"strategy must be one of {', '.join(STRATEGIES)} "
        f"(N and RANK from 1, FRACTION above 0 and at most 1), got {text!r}"
    )


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) >= 1


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
