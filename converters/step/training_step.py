# SPDX-License-Identifier: Apache-2.0
"""The training step itself: a tf.Module whose concrete functions become the flatbuffer's
signatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from converters.errors import ConversionError
from converters.gradients.registry import rewritten_gradients
from converters.gradients.writer import Writer
from converters.step.commute import commute
from converters.step.fold import fold_norms
from converters.step.losses import Loss, choose_loss, compiled_loss_name
from converters.step.optimizers import Sgd, choose_optimizer
from converters.step.options import StepOptions
from converters.step.strategy import apply_strategy
from converters.step.twin import Twin, leaf_layers, make_twin


@dataclass(frozen=True)
class Choices:
    """What was chosen for the user, and why."""

    loss: Loss
    loss_origin: str
    optimizer: Sgd
    optimizer_origin: str
    final_activation: str


class TrainingStep(tf.Module):
    """``model`` with loss and optimiser. Signature functions take and return dicts of tensors.

    Args:
        model: the user's model, left untouched.
        options: checked choices.
        writer: how gradients are written.
        infer_batch: static batch of ``infer``; ``train`` has ``options.batch_size``.
    """

    def __init__(
        self, model: keras.Model, options: StepOptions, writer: Writer, *, infer_batch: int
    ) -> None:
        super().__init__(name="step")
        twin = make_twin(model, options, writer)
        apply_strategy(twin.model, options.strategy)
        self.commuted = commute(twin.model, writer, when=options.commute)
        self.folded = fold_norms(twin.model, writer, when=options.commute)
        optimizer, optimizer_origin = choose_optimizer(options, model)
        units = int(model.output_shape[-1])
        loss, loss_origin = choose_loss(
            options.loss,
            None if options.loss else compiled_loss_name(model),
            twin.final_activation,
            units,
        )
        self.choices = Choices(
            loss, loss_origin, optimizer, optimizer_origin, twin.final_activation
        )
        self._twin: Twin = twin
        self._writer = writer
        self._optimizer = optimizer
        self._loss = loss
        self._trained: list[keras.Variable] = twin.model.trainable_variables
        self._state = [optimizer.state(v) for v in self._trained]
        self.variables_by_name = self._name_variables()
        self._batch_size = options.batch_size
        self._infer_batch = infer_batch
        self._model_variables = [v.value for v in twin.model.variables]

    def signatures(self) -> dict[str, Any]:
        """Concrete functions by signature name. Variables are v0, v1, … in the order of
        ``variables_by_name``.
        """
        shape = tuple(self._twin.model.input_shape[1:])
        x = tf.TensorSpec((self._batch_size, *shape), tf.float32, name="x")
        x_infer = tf.TensorSpec((self._infer_batch, *shape), tf.float32, name="x")
        output = (self._batch_size, *self._twin.model.output_shape[1:])
        y = tf.TensorSpec(output[:1] if self._loss.sparse else output, self._label_type(), name="y")
        specs = [
            tf.TensorSpec(v.shape, v.dtype, name=f"v{i}")
            for i, v in enumerate(self.variables_by_name.values())
        ]
        return {
            "train": tf.function(self._train, input_signature=[x, y]).get_concrete_function(),
            "infer": tf.function(self._infer, input_signature=[x_infer]).get_concrete_function(),
            "save": tf.function(self._save, input_signature=[]).get_concrete_function(),
            "restore": tf.function(self._restore, input_signature=specs).get_concrete_function(),
        }

    def trained_names(self) -> list[str]:
        return [v.path for v in self._trained]

    def trained_layers(self) -> set[str]:
        return {layer.name for layer in leaf_layers(self._twin.model) if layer.trainable_variables}

    def _label_type(self) -> tf.DType:
        return tf.int32 if self._loss.sparse else tf.float32

    def _name_variables(self) -> dict[str, tf.Variable]:
        named: dict[str, tf.Variable] = {}
        for variable in self._twin.model.variables:
            if variable.path in named:
                raise ConversionError(
                    f"two variables are named {variable.path}: give the layers of the model "
                    f"distinct names"
                )
            named[variable.path] = variable.value
        for variable, state in zip(self._trained, self._state, strict=True):
            if state is not None:
                named[f"{variable.path}/momentum"] = state
        named["step"] = self._twin.counter.step
        named["seed"] = self._twin.counter.seed
        return named

    def _train(self, x: tf.Tensor, y: tf.Tensor) -> dict[str, tf.Tensor]:
        with rewritten_gradients(self._writer):
            logits = self._twin.model(x, training=True)
            loss = self._loss.function(y, logits)
            for penalty in self._twin.model.losses:
                loss = loss + penalty
        # Autodiff itself runs outside the scope: the ops it creates are not differentiated again.
        moving = [v.value for v in self._trained]
        gradients = tf.gradients(loss, moving) if moving else []
        for variable, state, gradient in zip(self._trained, self._state, gradients, strict=True):
            if gradient is None:
                raise ConversionError(
                    f"the loss does not depend on {variable.path}: freeze its layer "
                    f"(layer.trainable = False)"
                )
            self._optimizer.apply(variable, state, gradient, self._writer)
        self._twin.counter.step.assign_add(1)
        return {"loss": loss, **self._outputs(logits)}

    def _infer(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._outputs(self._twin.model(x, training=False))

    def _outputs(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        if self.choices.final_activation == "softmax":
            return {"output": tf.nn.softmax(logits), "logits": logits}
        if self.choices.final_activation == "sigmoid":
            return {"output": tf.sigmoid(logits), "logits": logits}
        return {"output": tf.identity(logits)}

    def _save(self) -> dict[str, tf.Tensor]:
        return {f"v{i}": v.read_value() for i, v in enumerate(self.variables_by_name.values())}

    def _restore(self, *values: tf.Tensor) -> dict[str, tf.Tensor]:
        for variable, value in zip(self.variables_by_name.values(), values, strict=True):
            variable.assign(value)
        return {"restored": tf.constant(len(values))}
