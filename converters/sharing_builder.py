# SPDX-License-Identifier: Apache-2.0
"""A builder of flatbuffers that writes equal strings, vectors and tables once.

A training step has hundreds of tensors and operators, and few kinds of them: files become about
half as long. Any reader follows an offset, and does not mind who else has the same.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np


class SharingBuilder(flatbuffers.Builder):
    """What is equal to something written before is not written again: its offset is returned.

    The fields of a table wait until its end, when it is known whether there is such a table.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._vectors: dict[tuple[str, bytes], int] = {}
        self._tables: dict[tuple[Any, ...], int] = {}
        self._slots = 0
        self._fields: list[tuple[Any, ...]] = []

    def CreateString(self, s: Any, encoding: str = "utf-8", errors: str = "strict") -> int:
        text = s.encode(encoding, errors) if isinstance(s, str) else bytes(s)
        return self._once(("string", text), super().CreateString, text)

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        return self._once((x.dtype.str, x.tobytes()), super().CreateNumpyVector, x)

    def _once(self, key: tuple[str, bytes], create: Any, value: Any) -> int:
        if key not in self._vectors:
            self._vectors[key] = create(value)
        return self._vectors[key]

    def StartObject(self, numfields: int) -> None:
        self.assertNotNested()
        self.nested = True
        self._slots, self._fields = numfields, []

    def PrependSlot(self, flags: Any, o: int, x: Any, d: Any) -> None:
        self._fields.append((flags, o, x, d))

    def PrependUOffsetTRelativeSlot(self, o: int, x: int, d: int) -> None:
        self._fields.append((None, o, x, d))

    def EndObject(self) -> int:
        self.assertNested()
        self.nested = False
        # A number that is not its default is written; two floats are equal if their bits are.
        key = (self._slots, *(field[:2] + (repr(field[2]),) for field in self._fields))
        if key not in self._tables:
            super().StartObject(self._slots)
            for flags, o, x, d in self._fields:
                if flags is None:
                    super().PrependUOffsetTRelativeSlot(o, x, d)
                else:
                    super().PrependSlot(flags, o, x, d)
            self._tables[key] = super().EndObject()
        return self._tables[key]
