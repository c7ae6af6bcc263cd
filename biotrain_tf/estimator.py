# SPDX-License-Identifier: Apache-2.0
"""A scikit-learn classifier whose training runs on the device runner, step by step."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from biotrain_tf.errors import BiotrainError

if TYPE_CHECKING:
    import keras

    from biotrain_tf.experiment.runner import Runner

_NO_LABELS = "no_validation"
"""What scikit-learn calls a `y` that is not asked for."""
_FEEDS_A_TABLE = "feeds (samples, features), where (epochs, channels, times) is wanted"
EXPECTED_FAILED_CHECKS: dict[str, str] = dict.fromkeys(
    (
        "check_classifier_data_not_an_array",
        "check_classifiers_classes",
        "check_classifiers_one_label",
        "check_classifiers_train",
        "check_dict_unchanged",
        "check_dont_overwrite_parameters",
        "check_dtype_object",
        "check_estimators_dtypes",
        "check_estimators_fit_returns_self",
        "check_estimators_nan_inf",
        "check_estimators_overwrite_params",
        "check_estimators_partial_fit_n_features",
        "check_estimators_pickle",
        "check_f_contiguous_array_estimator",
        "check_fit2d_1feature",
        "check_fit2d_1sample",
        "check_fit2d_predict1d",
        "check_fit_check_is_fitted",
        "check_fit_idempotent",
        "check_fit_score_takes_y",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_n_features_in",
        "check_n_features_in_after_fitting",
        "check_pipeline_consistency",
        "check_positive_only_tag_during_fit",
        "check_readonly_memmap_input",
        "check_supervised_y_2d",
    ),
    _FEEDS_A_TABLE,
)
"""Checks of `sklearn.utils.estimator_checks` that cannot be met, and why; docs/classifier.md lists
them. scikit-learn leaves them out by itself, since the tags ask for three axes. All are met where a
table is taken for epochs of one channel, and the tests do so.
"""


class OnDeviceClassifier(ClassifierMixin, BaseEstimator):
    """Trains a Keras network on (epochs, channels, times) as a device would.

    The network is converted once, to the flatbuffer that a device gets; `fit` begins with the
    weights of the model, `partial_fit` with those of now. All training is on the runner.

    Parameters
    ----------
    model
        Name of one of `biotrain_tf.models`, a function (n_chans, n_outputs, n_times) -> Keras
        model, a pre-trained Keras model, or the path of one.
    strategy, norm, optimizer, learning_rate, momentum, batch_size
        As in `biotrain_tf.convert`; `momentum` is of the optimizer of that name alone.
    epochs
        Times that `fit` goes through the data; `partial_fit` goes once.
    target
        `host`, or a target that is emulated, like `cortex-m7`.
    random_state
        Of first weights, the order of batches and dropout.
    """

    def __init__(
        self,
        model: str | Path | keras.Model | Callable[..., keras.Model] = "eegnet",
        *,
        strategy: str = "full",
        norm: str = "frozen",
        optimizer: str = "momentum",
        learning_rate: float = 0.01,
        momentum: float = 0.9,
        batch_size: int = 8,
        epochs: int = 10,
        target: str = "host",
        random_state: int | None = 0,
    ) -> None:
        self.model = model
        self.strategy = strategy
        self.norm = norm
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch_size = batch_size
        self.epochs = epochs
        self.target = target
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> OnDeviceClassifier:
        """X: (epochs, channels, times) float; y: a label for each."""
        data, labels = self._checked(X, y, reset=True)
        self._convert(data.shape[1:], np.unique(labels))
        return self._train(data, labels, self.epochs)

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None
    ) -> OnDeviceClassifier:
        """Once through X from the weights of now. `classes`: all there will be, wanted at the
        first call unless all occur in y.
        """
        first = not hasattr(self, "state_")
        data, labels = self._checked(X, y, reset=first)
        if first:
            self._convert(data.shape[1:], np.unique(labels if classes is None else classes))
        return self._train(data, labels, 1)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """What the network gives for each class, (epochs, classes)."""
        from biotrain_tf.experiment.runner import Evaluate

        check_is_fitted(self, "state_")
        data, _ = self._checked(X, reset=False)
        return self._runner().play(self.state_, [Evaluate(data[..., np.newaxis])]).outputs[0]

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The label of the likeliest class for each epoch."""
        check_is_fitted(self, "state_")
        found: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return found

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.non_deterministic = self.random_state is None
        return tags

    def _checked(self, X: Any, y: Any = _NO_LABELS, *, reset: bool) -> tuple[Any, Any]:
        """Without `y` labels are None; a `y` of None is refused."""
        options = {"ensure_2d": False, "allow_nd": True, "dtype": np.float32, "reset": reset}
        found = validate_data(self, X, y, **options)
        X, labels = found if isinstance(found, tuple) else (found, None)
        if labels is not None:
            check_classification_targets(labels)
        if X.ndim != 3:
            raise ValueError(f"X: wanted (epochs, channels, times); found shape {X.shape}")
        if not reset and X.shape[1:] != self.shape_:
            raise ValueError(f"X: wanted epochs of shape {self.shape_}; found {X.shape[1:]}")
        return X, labels

    def _convert(self, shape: tuple[int, int], classes: NDArray[Any]) -> None:
        from converters import convert

        if len(classes) < 2:
            raise ValueError(f"y: wanted two classes or more; found only one class, {classes[0]!r}")
        seed = int(check_random_state(self.random_state).randint(1 << 20))
        with tempfile.TemporaryDirectory(prefix="biotrain-") as folder:
            result = convert(
                self._network(shape, len(classes), seed),
                output_dir=folder,
                name="classifier",
                strategy=self.strategy,
                norm=self.norm,
                optimizer=self.optimizer,
                learning_rate=self.learning_rate,
                momentum=self.momentum if self.optimizer == "momentum" else None,
                batch_size=self.batch_size,
                loss="sparse_categorical_crossentropy",
                seed=seed,
            )
            self.flatbuffer_ = result.model_path.read_bytes()
            self.report_ = result.report
        self.shape_, self.classes_, self.seed_ = tuple(shape), classes, seed
        self.steps_ = 0
        self.losses_: list[float] = []
        self.state_ = self._runner().first_state()

    def _network(self, shape: tuple[int, int], n_outputs: int, seed: int) -> Any:
        import keras

        from biotrain_tf import models

        size = {"n_chans": shape[0], "n_outputs": n_outputs, "n_times": shape[1]}
        model = self.model
        keras.utils.set_random_seed(seed)
        if isinstance(model, str) and model in models.NAMES:
            return models.build(model, **size)
        if isinstance(model, (str, Path)):
            return Path(model)
        if isinstance(model, keras.Model):
            if int(model.output_shape[-1]) != n_outputs:
                raise BiotrainError(
                    f"model: wanted one output for each of {n_outputs} classes; found "
                    f"{model.output_shape[-1]}"
                )
            return model
        return model(**size)

    def _train(self, X: Any, y: Any, epochs: int) -> OnDeviceClassifier:
        from biotrain_tf.experiment.runner import Train, batches_of

        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y: wanted labels among {self.classes_}; found {unknown}")
        labels = np.searchsorted(self.classes_, y).astype(np.int32)
        batches = batches_of(len(X), epochs, size=self.batch_size, seed=self.seed_ + self.steps_)
        answers = self._runner().play(self.state_, [Train(X[..., np.newaxis], labels, batches)])
        self.state_ = answers.state
        self.losses_ += answers.losses
        self.steps_ += len(batches)
        return self

    def _runner(self) -> Runner:
        """The flatbuffer as a file: a pickled classifier brings it along to another machine."""
        from biotrain_tf.device.build import build_root
        from biotrain_tf.experiment.flatbuffers import Flatbuffer
        from biotrain_tf.experiment.runner import Runner

        key = hashlib.sha256(self.flatbuffer_).hexdigest()[:16]
        path = build_root() / "classifiers" / f"{key}.tflite"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(self.flatbuffer_)
            Path(file.name).replace(path)
        return Runner(Flatbuffer(path=path, report=self.report_), self.target)
