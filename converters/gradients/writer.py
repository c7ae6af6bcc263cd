# SPDX-License-Identifier: Apache-2.0
"""How one gradient computation reaches the flatbuffer: spelled out in builtins, or as one named op.

Every compact op is *defined* by a body of plain TensorFlow ops that TFLite has as builtins. The
builtin flavour inlines the body; the micro flavour marks it as a fusable composite, which the
TFLite converter turns into one custom op named after it, its options in a FlexBuffer map. Both
flavours therefore compute the same thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

Option = int | float | bool | str

PREFIX = "Biotrain"


@dataclass(frozen=True)
class Writer:
    """Writes an op compactly (``compact=True``, for our runner) or as TFLite builtins."""

    compact: bool

    @property
    def name(self) -> str:
        return "micro" if self.compact else "builtin"

    def op(self, name: str, body: Callable[..., Any], *inputs: tf.Tensor, **options: Option) -> Any:
        """Apply ``body`` to ``inputs``, as the custom op ``Biotrain<name>`` when compact."""
        if not self.compact:
            return body(*inputs)
        wrapped = tf.function(
            body, experimental_implements=_implements(PREFIX + name, options), autograph=False
        )
        return wrapped(*inputs)


def _implements(name: str, options: dict[str, Option]) -> str:
    attributes = ['attr { key: "tfl_fusable_op" value { b: true } }']
    for key, value in options.items():
        attributes.append(f'attr {{ key: "{key}" value {{ {_attr_value(value)} }} }}')
    return f'name: "{name}" ' + " ".join(attributes)


def _attr_value(value: Option) -> str:
    if isinstance(value, bool):
        return f"b: {str(value).lower()}"
    if isinstance(value, int):
        return f"i: {value}"
    if isinstance(value, float):
        return f's: "float:{value!r}"'  # passes/exact_options.py makes it a number again
    return f's: "{value}"'
