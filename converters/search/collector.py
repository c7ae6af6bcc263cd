# SPDX-License-Identifier: Apache-2.0
"""Python's collector of cycles, put off for as long as a search lasts.

A search makes many small objects, which are counted, and hardly a cycle. The collector would look
through all that TensorFlow has in memory for each generation of them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
