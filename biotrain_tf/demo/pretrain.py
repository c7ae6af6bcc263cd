# SPDX-License-Identifier: Apache-2.0
"""EEGNet pre-trained on everybody but the new person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras

from biotrain_tf.data.batches import pooled
from biotrain_tf.demo.people import People
from biotrain_tf.demo.settings import DemoSettings
from biotrain_tf.models.eegnet import eegnet

OnEpoch = Callable[[int, float, float], None]
"""Called after every epoch with its number (from 1), loss and accuracy."""


def pretrain(people: People, settings: DemoSettings, on_epoch: OnEpoch) -> keras.Model:
    keras.utils.set_random_seed(settings.seed)
    model = eegnet(
        people.person.n_chans,
        len(people.person.label_names),
        people.person.n_times,
        drop_prob=settings.drop_prob,
        batch_norm_momentum=settings.batch_norm_momentum,
    )
    model.compile(
        keras.optimizers.Adam(settings.pretrain_learning_rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    X, y = pooled(people.others, people.scaling)
    model.fit(
        X,
        y,
        batch_size=settings.pretrain_batch_size,
        epochs=settings.epochs,
        verbose=0,
        callbacks=[_Reporter(on_epoch)],
    )
    return model


def save(model: keras.Model, folder: Path) -> tuple[Path, Path]:
    """Write model.keras and model.h5."""
    folder.mkdir(parents=True, exist_ok=True)
    native, hdf5 = folder / "model.keras", folder / "model.h5"
    model.save(native)
    model.save(hdf5)
    return native, hdf5


class _Reporter(keras.callbacks.Callback):
    def __init__(self, on_epoch: OnEpoch) -> None:
        super().__init__()
        self._on_epoch = on_epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        self._on_epoch(epoch + 1, float(logs["loss"]), float(logs["accuracy"]))
