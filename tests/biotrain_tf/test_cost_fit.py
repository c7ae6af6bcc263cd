# SPDX-License-Identifier: Apache-2.0
"""What loading codes costs is found beside kernels whose costs are known."""

from __future__ import annotations

import random

import numpy as np

from biotrain_tf.bench.cost_shapes import Sample
from biotrain_tf.bench.cost_tables import fit_table
from converters.emit.op_features import OpFeatures
from converters.targets.costs import EVERYWHERE
from tests.compare import assert_close

TRUE = {"codes": 3.0, "code_lines": 70.0, "pieces": 2000.0}
PER_MAC = 2.0


def kernels(*, of_codes: bool) -> list[Sample]:
    """Drawn kernels of one family, whose every multiply-add costs the same."""
    draw = random.Random(3)
    found = []
    for _ in range(40):
        macs = draw.randint(1_000, 90_000)
        terms = {"macs": float(macs)}
        if of_codes:
            terms |= {name: float(draw.randint(1, 400)) for name in TRUE}
        loading = sum(TRUE[name] * count for name, count in terms.items() if name in TRUE)
        features = OpFeatures("Conv", "", "grid", macs, 1, terms)
        found.append(Sample(features, PER_MAC * macs + loading))
    return found


def test_loading_codes_is_what_kernels_leave() -> None:
    samples = kernels(of_codes=False) + kernels(of_codes=True)
    table = fit_table("x", [], samples)
    found = table.coefficients[EVERYWHERE]
    assert list(found) == list(TRUE)
    got, true = (np.array(list(row.values())) for row in (found, TRUE))
    assert_close(got / true, np.ones(len(TRUE)), "loss", what="what codes cost")
    assert table.coefficients["grid"] == {"macs": PER_MAC}


def test_without_codes_nothing_is_said_of_them() -> None:
    assert EVERYWHERE not in fit_table("x", [], kernels(of_codes=False)).coefficients
