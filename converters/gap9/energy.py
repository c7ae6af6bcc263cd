# SPDX-License-Identifier: Apache-2.0
"""Energy of a step at an operating point: busy cycles at the square of the voltage, and idling.

E = V^2 busy cycles e + P_idle(V, f) time; the idle power grows with V^2 f from that at 240 MHz /
0.65 V. A cycle is busy when something is computed or started; waiting for data is idling.
"""

from __future__ import annotations

from converters.gap9.machine import LOW, Costs, OperatingPoint


def idle_watts(point: OperatingPoint, costs: Costs) -> float:
    return costs.idle_watts * (point.volts / LOW.volts) ** 2 * point.hertz / LOW.hertz


def joules(*, cycles: float, busy: float, point: OperatingPoint, costs: Costs) -> float:
    switched = point.volts**2 * min(busy, cycles) * costs.busy_joules
    return switched + idle_watts(point, costs) * cycles / point.hertz
