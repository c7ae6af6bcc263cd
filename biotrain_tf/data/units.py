# SPDX-License-Identifier: Apache-2.0
"""Units of signals: known by name, converted only between volts, and never guessed."""

from __future__ import annotations

from biotrain_tf.errors import BiotrainError

_VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "nV": 1e-9}
# Two signs look like mu: the Greek letter and the micro sign.
_SPELLINGS = {"µV": "uV", "μV": "uV", "volt": "V", "volts": "V", "microvolt": "uV"}


def spelled(unit: str) -> str:
    """The unit as this project writes it."""
    return _SPELLINGS.get(unit.strip(), unit.strip())


def is_voltage(unit: str) -> bool:
    return spelled(unit) in _VOLTS


def factor(from_unit: str, to_unit: str) -> float:
    """What a number in `from_unit` is multiplied by to be in `to_unit`."""
    source, wanted = spelled(from_unit), spelled(to_unit)
    if source == wanted:
        return 1.0
    for unit in (source, wanted):
        if unit not in _VOLTS:
            raise BiotrainError(
                f"units: cannot convert {source!r} to {wanted!r}; {unit!r} is none of "
                f"{', '.join(_VOLTS)}"
            )
    # One rounding: 1e-6 / 1e-3 is not 1e-3 in floats.
    return float(round(_VOLTS[source] / _VOLTS[wanted], 15))
