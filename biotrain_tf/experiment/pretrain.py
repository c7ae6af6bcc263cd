# SPDX-License-Identifier: Apache-2.0
"""Networks pre-trained in Keras; weights lie in the cache under a hash of what made them."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.experiment import store
from biotrain_tf.experiment.people import Person, Scale, thinned
from biotrain_tf.experiment.plans import Plan
from biotrain_tf.experiment.store import Weights
from biotrain_tf.experiment.variants import BATCH

if TYPE_CHECKING:
    import keras

_LEARNING_RATE = 1e-3
_BATCH_SIZE = 32
_VERSION = 1
"""Of the recipe below: whoever changes it counts up, and nothing old is taken for new."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained in Keras."""

    kind: str
    seed: int
    epochs: int
    cap: int
    """Windows of one person, at most."""


def build(plan: Plan, *, n_chans: int, n_times: int, classes: int, kind: str) -> keras.Model:
    """The network of the plan; `group` has GroupNorm of one group where it had BatchNorm."""
    from biotrain_tf import models

    model = models.build(
        plan.model, n_chans=n_chans, n_outputs=classes, n_times=n_times, **plan.model_arguments
    )
    return model if kind == BATCH else _with_group_norm(model)


def _with_group_norm(model: keras.Model) -> keras.Model:
    import keras

    class GroupNorm(keras.layers.GroupNormalization):
        """Called as BatchNormalization was in the model that is cloned."""

        def call(self, inputs: object, training: object = None, mask: object = None) -> object:
            return super().call(inputs)

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.layers.BatchNormalization):
            return GroupNorm(groups=1, epsilon=layer.epsilon, name=layer.name)
        return type(layer).from_config(layer.get_config())

    return keras.models.clone_model(model, clone_function=clone)


def trained(
    plan: Plan,
    people: Sequence[Person],
    scale: Scale,
    recipe: Recipe,
    cache: Path,
    *,
    start: Weights | None = None,
) -> Weights:
    """Weights after training on `people`, from `start` or from the seed's first values."""
    path = cache / "weights" / f"{_key(plan, people, scale, recipe, start)}.npz"
    if not path.exists():
        store.write_weights(path, _fit(plan, people, scale, recipe, start))
    return store.read_weights(path)


def _key(
    plan: Plan,
    people: Sequence[Person],
    scale: Scale,
    recipe: Recipe,
    start: Weights | None,
) -> str:
    import keras
    import tensorflow as tf

    return store.digest(
        _VERSION,
        (keras.__version__, tf.__version__),
        (plan.model, plan.model_arguments, _LEARNING_RATE, _BATCH_SIZE),
        recipe,
        scale,
        [(p.subject, p.classes, p.X, p.y) for p in people],
        start or {},
    )


def _fit(
    plan: Plan,
    people: Sequence[Person],
    scale: Scale,
    recipe: Recipe,
    start: Weights | None,
) -> Weights:
    import keras

    parts = [thinned(person, recipe.cap, recipe.seed) for person in people]
    X = np.concatenate([scale(part.X) for part in parts])
    y = np.concatenate([part.y for part in parts])
    keras.backend.clear_session()
    with _seeded(recipe.seed):
        return _fitted(plan, people, X, y, recipe, start)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Keras draws seeds of layers from Python's generator, which all threads of a process share: on
    a dask worker the one that listens draws from it, too.
    """
    import keras
    from keras.src.random import seed_generator

    keras.utils.set_random_seed(seed)
    shared = seed_generator.python_random
    # The numbers that Keras would have drawn undisturbed.
    seed_generator.python_random = random.Random(seed)
    try:
        yield
    finally:
        seed_generator.python_random = shared


def _fitted(
    plan: Plan,
    people: Sequence[Person],
    X: NDArray[np.float32],
    y: NDArray[np.int32],
    recipe: Recipe,
    start: Weights | None,
) -> Weights:
    import keras

    model = build(
        plan,
        n_chans=X.shape[1],
        n_times=X.shape[2],
        classes=people[0].classes,
        kind=recipe.kind,
    )
    if start is not None:
        set_weights(model, start)
    model.compile(keras.optimizers.Adam(_LEARNING_RATE), "sparse_categorical_crossentropy")
    counts = np.bincount(y, minlength=people[0].classes)
    weight = {i: len(y) / (len(counts) * max(int(n), 1)) for i, n in enumerate(counts)}
    model.fit(X, y, batch_size=_BATCH_SIZE, epochs=recipe.epochs, class_weight=weight, verbose=0)
    return weights_of(model)


def set_weights(model: keras.Model, weights: Weights) -> None:
    for variable in model.variables:
        if variable.path in weights:
            variable.assign(weights[variable.path])


def weights_of(model: keras.Model) -> Weights:
    """The variables of layers by path; seeds of dropout are no weights."""
    found = {v.path: np.asarray(v.value) for layer in model.layers for v in layer.weights}
    return {path: value for path, value in found.items() if value.dtype == np.float32}
