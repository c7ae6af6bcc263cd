# SPDX-License-Identifier: Apache-2.0
"""All metadata is in pyproject.toml; this file is for tools that look for a setup.py."""

from setuptools import setup

setup()
