# SPDX-License-Identifier: Apache-2.0
"""From the traced step to flatbuffer bytes, by way of TensorFlow's own converter."""

from __future__ import annotations

import tempfile

import tensorflow as tf

from converters.errors import ConversionError
from converters.step.training_step import TrainingStep


def export(step: TrainingStep, *, custom_ops: bool) -> bytes:
    """The signatures of ``step`` as one TFLite flatbuffer."""
    functions = step.signatures()
    with tempfile.TemporaryDirectory() as folder:
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
