# SPDX-License-Identifier: Apache-2.0
"""What training costs: executed instructions of kernels and steps, and times on this machine.

This room measures and compares; it must not know how a kernel, a pass or a plan works.
"""
