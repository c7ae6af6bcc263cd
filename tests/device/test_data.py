# SPDX-License-Identifier: Apache-2.0
"""Samples in the forms a user has them in, and every way in which they can be wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biotrain_tf.device.data import Calibration, read_data
from biotrain_tf.device.model import ModelInfo, TensorInfo, read_model
from biotrain_tf.errors import BiotrainError
from tests.device.tiny_model import tiny_model

FLOAT, INT = np.dtype("<f4"), np.dtype("<i4")


def model_of(
    path: Path,
    *,
    sample: tuple[int, ...] = (3, 5, 1),
    classes: int = 2,
    batch: int = 4,
    y: TensorInfo | None = None,
) -> ModelInfo:
    return ModelInfo(
        path=path,
        content=b"",
        arena_bytes=0,
        x=TensorInfo((batch, *sample), FLOAT),
        y=y or TensorInfo((batch,), INT),
        sample=TensorInfo((1, *sample), FLOAT),
        output=TensorInfo((1, classes), FLOAT),
    )


def read(tmp_path: Path, model: ModelInfo, **arrays: Any) -> Calibration:
    path = tmp_path / "d.npz"
    np.savez(path, **arrays)
    return read_data(path, model)


X = np.arange(6 * 3 * 5, dtype=np.float32).reshape(6, 3, 5)
Y = np.array([0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (X[..., None], X),
        (X, X),
        (X.astype(np.float64), X),
        (X[:, None], X),
        (X.transpose(0, 2, 1), X),
    ],
    ids=["model", "epochs", "float64", "channel-first", "time-first"],
)
def test_shapes_that_fit(tmp_path: Path, x: np.ndarray, expected: np.ndarray) -> None:
    data = read(tmp_path, model_of(tmp_path), X=x, y=Y)
    assert data.train.x.shape == (6, 3, 5, 1) and data.train.x.dtype == FLOAT
    assert data.train.x.size == 90
    assert np.array_equal(data.train.x[..., 0], expected)
    assert data.test is data.train


def test_epochs_are_turned_for_a_model_with_time_first(tmp_path: Path) -> None:
    data = read(tmp_path, model_of(tmp_path, sample=(5, 3)), X=X, y=Y)
    assert np.array_equal(data.train.x, X.transpose(0, 2, 1))


@pytest.mark.parametrize("scale", [0.5, np.array([0.5]), np.array([0.5, 1.0, 2.0])])
def test_integers_are_scaled(tmp_path: Path, scale: Any) -> None:
    data = read(tmp_path, model_of(tmp_path), X=X.astype(np.int16), y=Y, scale=scale)
    factor = np.reshape(scale, (-1, 1)) if np.size(scale) > 1 else scale
    assert np.array_equal(data.train.x[..., 0], X * factor)


def test_test_samples_are_kept_apart(tmp_path: Path) -> None:
    data = read(tmp_path, model_of(tmp_path), X=X, y=Y, X_test=X[:2], y_test=Y[:2])
    assert len(data.train.x) == 6 and len(data.test.x) == 2


def test_batches_begin_again_at_the_end(tmp_path: Path) -> None:
    data = read(tmp_path, model_of(tmp_path), X=X, y=Y)
    batches = list(data.train.batches(size=4, count=3))
    first = [batch.x[:, 0, 0, 0].tolist() for batch in batches]
    assert first == [[0, 15, 30, 45], [60, 75, 0, 15], [30, 45, 60, 75]]


def test_labels_become_one_hot_for_a_model_that_wants_that(tmp_path: Path) -> None:
    one_hot = TensorInfo((4, 2), FLOAT)
    data = read(tmp_path, model_of(tmp_path, y=one_hot), X=X, y=Y)
    assert np.array_equal(data.train.y, np.eye(2)[Y])
    labels = data.train.labels(2)
    assert labels is not None and np.array_equal(labels, Y)


def test_labels_become_floats_for_one_output(tmp_path: Path) -> None:
    binary = TensorInfo((4, 1), FLOAT)
    data = read(tmp_path, model_of(tmp_path, classes=1, y=binary), X=X, y=Y)
    assert data.train.y.shape == (6, 1) and data.train.y.dtype == FLOAT
    labels = data.train.labels(1)
    assert labels is not None and np.array_equal(labels, Y)


def with_nan(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[2, 1, 3] = np.nan
    return x


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": Y}, r"wanted arrays X and y; .* has y"),
        ({"X": X}, r"wanted arrays X and y; .* has X"),
        ({"X": X[:, :2], "y": Y}, r"X: wanted shape \(samples, 3, 5, 1\).*found \(6, 2, 5\)"),
        ({"X": X.astype(np.int16), "y": Y}, r"`scale`; found int16"),
        ({"X": X.astype(np.int16), "y": Y, "scale": np.nan}, r"scale: wanted finite"),
        ({"X": X.astype(np.int16), "y": Y, "scale": np.ones(7)}, r"scale: wanted one number"),
        ({"X": X.astype(complex), "y": Y}, r"X: wanted floats.*found complex"),
        ({"X": X.astype(str), "y": Y}, r"X: wanted floats.*found <U"),
        ({"X": with_nan(X), "y": Y}, r"X: .*1 that are NaN or infinite, the first at \(2, 1, 3\)"),
        ({"X": X.astype(np.float64) * 1e300, "y": Y}, r"float32 holds"),
        ({"X": X, "y": Y[:5]}, r"one label a sample, 6 as X has; found 5"),
        ({"X": X[:0], "y": Y[:0]}, r"X: wanted at least one sample; found none"),
        ({"X": X, "y": Y + 1}, r"y: wanted labels from 0 to 1; found 2 at sample 1"),
        ({"X": X, "y": Y - 1}, r"y: wanted labels from 0 to 1; found -1 at sample 0"),
        ({"X": X, "y": Y.astype(float)}, r"y: wanted integer labels; found float64"),
        ({"X": X, "y": np.eye(2)[Y]}, r"y: wanted integer labels; found float64 of shape \(6, 2\)"),
        ({"X": X, "y": Y, "X_test": X}, r"wanted arrays X_test and y_test"),
    ],
)
def test_bad_data_ends_in_one_line(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(BiotrainError, match=message) as caught:
        read(tmp_path, model_of(tmp_path), **arrays)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04broken"])
def test_files_that_are_no_npz(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.npz"
    path.write_bytes(content)
    with pytest.raises(BiotrainError, match="data: wanted a .npz with X and y"):
        read_data(path, model_of(tmp_path))


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    with pytest.raises(BiotrainError, match="object arrays are not read"):
        read(tmp_path, model_of(tmp_path), X=np.array([{}], dtype=object), y=Y)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BiotrainError, match="No such file"):
        read_data(tmp_path / "none.npz", model_of(tmp_path))


def test_model_is_read(tiny: ModelInfo) -> None:
    assert (tiny.batch_size, tiny.classes, tiny.x.shape, tiny.y.shape) == (4, 3, (4, 6), (4,))
    assert tiny.y.dtype == INT and tiny.arena_bytes > 0
    assert tiny.textbook_macs_per_step() is None


def test_macs_come_from_the_report_beside_the_model(tiny: ModelInfo, tmp_path: Path) -> None:
    model = replace(tiny, path=tmp_path / "tiny.tflite")
    report = tmp_path / "report.json"
    report.write_text('{"textbook_macs_per_step": 12, "files": {"model": "/x/tiny.tflite"}}')
    assert model.textbook_macs_per_step() == 12
    report.write_text('{"textbook_macs_per_step": 12, "files": {"model": "other.tflite"}}')
    assert model.textbook_macs_per_step() is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "wanted a TFLite flatbuffer"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "wanted a TFLite flatbuffer"),
        (tiny_model()[:300], "damaged"),
        (tiny_model().replace(b"biotrain_plan", b"someone_else!"), "memory plan.*--ops micro"),
        (tiny_model().replace(b"infer", b"guess"), "signature 'infer'"),
    ],
    ids=["empty", "hdf5", "cut", "no-plan", "no-infer"],
)
def test_bad_models_end_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(BiotrainError, match=message) as caught:
        read_model(path)
    assert "\n" not in str(caught.value)
