# SPDX-License-Identifier: Apache-2.0
"""From the traced step to flatbuffer bytes, by way of TensorFlow's own converter."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator

import tensorflow as tf
from absl import logging

from converters.errors import ConversionError
from converters.step.training_step import TrainingStep


def export(step: TrainingStep, *, custom_ops: bool) -> bytes:
    """The signatures of ``step`` as one TFLite flatbuffer."""
    functions = step.signatures()
    with tempfile.TemporaryDirectory() as folder, _quiet():
        # Our gradients are written in the graph already; SavedModel need not carry them for a
        # second derivative.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(step, folder, signatures=functions, options=options)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(functions))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.allow_custom_ops = custom_ops
        converter.experimental_enable_resource_variables = True
        try:
            return bytes(converter.convert())
        except Exception as error:  # the converter raises bare Exceptions
            first = str(error).strip().splitlines()
            raise ConversionError(
                f"TensorFlow's converter refused the training step: "
                f"{first[0] if first else type(error).__name__}"
            ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow warns, a dozen times, that gradients are not saved: we asked for that."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
