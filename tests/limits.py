# SPDX-License-Identifier: Apache-2.0
"""Every limit on the size of what is built, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KIB = 1024

FLASH_LIMITS: Mapping[tuple[str, str], dict[str, int]] = MappingProxyType(
    {
        ("eegnet", "cortex-m7"): {
            # Code and constants together, without the flatbuffer.
            "program": 160 * KIB,
            "flatbuffer": 64 * KIB,
        },
    }
)
"""Bytes of flash by model and target."""
