# SPDX-License-Identifier: Apache-2.0
"""Differences in pairs: the same people, or the same sessions of one person."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

_RESAMPLES = 9999
_CONFIDENCE = 0.95
_LEAST = 3
"""Pairs below which resampling them says nothing."""


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Mean of `a - b`, its 95 % bootstrap interval (BCa), and Wilcoxon's signed-rank p value.

    Of fewer than 3 pairs there is no interval, and of fewer than 6 no p value below 0.05 is
    possible.
    """

    pairs: int
    mean: float
    low: float | None
    high: float | None
    p: float | None

    @property
    def is_above(self) -> bool:
        """The whole interval is above nought."""
        return self.low is not None and self.low > 0

    @property
    def is_below(self) -> bool:
        return self.high is not None and self.high < 0


def paired(a: Mapping[str, float], b: Mapping[str, float]) -> Paired:
    """Of the keys that both have; ValueError if there are none or a value is not finite."""
    keys = sorted(set(a) & set(b))
    if not keys:
        raise ValueError("nothing to compare: no person or session in common")
    difference = np.array([a[key] - b[key] for key in keys])
    if not np.isfinite(difference).all():
        raise ValueError("a score is not finite")
    mean = float(difference.mean())
    if len(keys) < _LEAST:
        return Paired(pairs=len(keys), mean=mean, low=None, high=None, p=None)
    if np.ptp(difference) == 0:
        p = 1.0 if mean == 0 else float(stats.wilcoxon(difference).pvalue)
        return Paired(pairs=len(keys), mean=mean, low=mean, high=mean, p=p)
    low, high = _interval(difference)
    p = float(stats.wilcoxon(difference, zero_method="zsplit").pvalue)
    return Paired(pairs=len(keys), mean=mean, low=low, high=high, p=p)


def _interval(values: np.ndarray) -> tuple[float, float]:
    with warnings.catch_warnings():
        # Of very few values the correction may be undefined; then it is left out.
        warnings.simplefilter("ignore")
        for method in ("BCa", "percentile"):
            found = stats.bootstrap(
                (values,),
                np.mean,
                n_resamples=_RESAMPLES,
                confidence_level=_CONFIDENCE,
                method=method,
                rng=np.random.default_rng(0),
            ).confidence_interval
            if np.isfinite([found.low, found.high]).all():
                break
    return float(found.low), float(found.high)
