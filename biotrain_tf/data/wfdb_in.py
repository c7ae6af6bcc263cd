# SPDX-License-Identifier: Apache-2.0
"""PhysioNet's WFDB records (.hea, .dat, .atr) to heart beats with their AAMI classes.

Needs the package `wfdb` (`pip install biotrain-tf[wfdb]`). Classes: ANSI/AAMI EC57, as in de Chazal
et al., IEEE Trans. Biomed. Eng. 51(7), 2004, table I.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from biotrain_tf.data import units as unit_names
from biotrain_tf.data.recording import Recording
from biotrain_tf.errors import BiotrainError

AAMI = ("N", "S", "V", "F", "Q")
CLASS_OF_SYMBOL: Mapping[str, str] = MappingProxyType(
    {symbol: name for name, symbols in zip(AAMI, ("NLRej", "AaJS", "VE", "F", "/fQ"), strict=True)
     for symbol in symbols}
)  # fmt: skip


def from_record(
    record: Path, *, window_s: tuple[float, float] = (-0.25, 0.4), calibration_s: float = 300.0
) -> Recording:
    """Every beat of `record` (a path without its ending) that is recorded as a whole, unfiltered.

    Session 1 are the beats of the first `calibration_s` seconds, session 2 those after.
    """
    try:
        import wfdb
    except ImportError as error:
        raise BiotrainError(
            f"{record.name}: WFDB records are read with the package wfdb; pip install wfdb"
        ) from error
    try:
        signals = wfdb.rdrecord(str(record))
        beats = wfdb.rdann(str(record), "atr")
    except (OSError, ValueError) as error:
        raise BiotrainError(f"{record} is not a WFDB record with annotations: {error}") from error
    unit = unit_names.spelled(signals.units[0])
    if any(unit_names.spelled(other) != unit for other in signals.units):
        raise BiotrainError(f"{record.name}: signals have different units: {signals.units}")
    first, length = (
        round(window_s[0] * signals.fs),
        round((window_s[1] - window_s[0]) * signals.fs),
    )
    kept = [
        (int(sample), CLASS_OF_SYMBOL[symbol])
        for sample, symbol in zip(beats.sample, beats.symbol, strict=True)
        if symbol in CLASS_OF_SYMBOL and 0 <= sample + first <= signals.sig_len - length
    ]
    if not kept:
        raise BiotrainError(f"{record.name}: no annotated beat lies in the record as a whole")
    samples = np.array([sample for sample, _ in kept], np.int64)
    physical = signals.p_signal.astype(np.float32).T
    return Recording(
        subject=record.name,
        X=np.stack([physical[:, s + first : s + first + length] for s in samples]),
        y=np.array([AAMI.index(name) for _, name in kept], np.int32),
        session=np.where(samples < calibration_s * signals.fs, 1, 2).astype(np.int32),
        run=np.ones(len(kept), np.int32),
        start=samples + first,
        ch_names=tuple(signals.sig_name),
        label_names=AAMI,
        sfreq=float(signals.fs),
        units=unit,
        t0_s=first / signals.fs,
    )
