# SPDX-License-Identifier: Apache-2.0
"""What a step costs on GAP9, estimated: loops to cycles, tiles for L1, a schedule, energy.

It reads graphs and bare descriptions of networks; it must not know how steps are made.
"""
