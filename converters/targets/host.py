# SPDX-License-Identifier: Apache-2.0
"""The machine that converts: the same runner and protocol, as an ordinary program."""

from .profile import TargetProfile

HOST = TargetProfile(
    name="host",
    description="this machine",
    arch="host",
    port="host",
    compiler_prefix="",
    compiler_apt_packages=("g++", "make"),
)
