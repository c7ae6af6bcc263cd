# SPDX-License-Identifier: Apache-2.0
"""Fits the costs of converters/gap9 to its points and writes them: `make calibrate-gap9`."""

from __future__ import annotations

import sys

from converters.gap9.calibrate import calibrate, median_error, write_parameters
from converters.gap9.machine import PARAMETERS


def main() -> int:
    costs, checked = calibrate()
    for one in checked:
        print(f"point={one.point.name!r} cycles={one.point.cycles:.0f} error={one.error:+.3f}")
    write_parameters(costs, checked)
    print(f"median_leave_one_out_error={median_error(checked):.4f} written={PARAMETERS.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
