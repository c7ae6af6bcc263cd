# SPDX-License-Identifier: Apache-2.0
"""Train a Keras model where it is used: convert it, run it on a device, look at the report.

Nothing heavy is imported until it is asked for: `import biotrain_tf` costs no TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biotrain_tf.estimator import OnDeviceClassifier
    from converters import convert

__all__ = ["OnDeviceClassifier", "convert"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "convert":
        from converters import convert

        return convert
    if name == "OnDeviceClassifier":
        from biotrain_tf.estimator import OnDeviceClassifier

        return OnDeviceClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
