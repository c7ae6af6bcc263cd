# SPDX-License-Identifier: Apache-2.0
"""The C++ as a Zephyr module, ESP-IDF component, Arduino or PlatformIO library, and CMSIS-Pack.

All from one list, `sources.py`; a module a packaging. They know no compiler and build nothing.
"""
