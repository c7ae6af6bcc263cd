# SPDX-License-Identifier: Apache-2.0
"""What one runtime did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from numpy.typing import NDArray

Status = Literal["ran", "not run", "failed"]


@dataclass(frozen=True, kw_only=True)
class RuntimeResult:
    """One runtime's fine-tuning.

    `not run`: an optional runtime is not installed. `failed`: it should have run; `reason` says
    why it did not. `weights` are the final ones by name, where the runtime tells.
    """

    name: str
    status: Status = "ran"
    reason: str = ""
    loss: tuple[float, ...] = ()
    accuracy_before: float | None = None
    accuracy_after: float | None = None
    weights_sha256: str | None = None
    instructions_per_step: float | None = None
    textbook_macs_per_step: int | None = None
    ram_bytes: dict[str, int] | None = None
    flash_bytes: int | None = None
    wall_s: float = 0.0
    weights: Mapping[str, NDArray] | None = None
