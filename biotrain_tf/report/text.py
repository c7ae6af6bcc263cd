# SPDX-License-Identifier: Apache-2.0
"""Numbers and names as a reader wants them; a dash for what is not known."""

from __future__ import annotations

_TITLES = {
    "keras": "Keras",
    "litert": "LiteRT",
    "tflite-runtime": "tflite-runtime",
    "tflm": "TFLM",
    "host": "runner, host",
    "cortex-m4f": "runner, Cortex-M4F",
    "cortex-m7": "runner, Cortex-M7",
    "riscv32": "runner, RV32IMAFC",
}
UNKNOWN = "–"


def titles(runtime: str) -> str:
    return _TITLES.get(runtime, runtime)


def percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{100 * value:.1f} %"


def share(value: float) -> str:
    return f"{100 * value:.0f} %"


def tiny(value: float | None) -> str:
    """2e-5 rather than 2.0e-05."""
    if value is None:
        return UNKNOWN
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}" if exponent else mantissa


def count(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def kib(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:.0f} B" if value < 1024 else f"{value / 1024:,.1f} KiB"
