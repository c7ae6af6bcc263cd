# SPDX-License-Identifier: Apache-2.0
"""Work that is interrupted goes on where it was, here and on a cluster."""

from __future__ import annotations

import dataclasses
import os
import random
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from rich.console import Console

from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment import store
from biotrain_tf.experiment.execute import Interrupted, cluster, execute
from biotrain_tf.experiment.people import Scale
from biotrain_tf.experiment.plans import plan_of
from biotrain_tf.experiment.pretrain import Recipe, trained
from biotrain_tf.experiment.store import Weights
from biotrain_tf.experiment.variants import BATCH
from tests.biotrain_tf.experiment_people import person

cloudpickle.register_pickle_by_value(sys.modules[__name__])


@dataclass(frozen=True, kw_only=True)
class Piece:
    folder: Path
    number: int
    stop_before: Path | None = None

    @property
    def title(self) -> str:
        return f"piece {self.number}"

    @property
    def path(self) -> Path:
        return self.folder / f"{self.number}.json"

    def run(self) -> None:
        if self.stop_before is not None and not self.stop_before.exists():
            raise KeyboardInterrupt
        store.write_json(self.path, {"process": os.getpid()})


def test_ctrl_c_says_how_far_it_came_and_the_same_goes_on(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    pieces = [Piece(folder=tmp_path, number=0), Piece(folder=tmp_path, number=1)]
    pieces.append(Piece(folder=tmp_path, number=2, stop_before=allowed))
    console = Console(quiet=True)
    with pytest.raises(Interrupted, match="2 of 3 done; the same command goes on there"):
        execute("work", pieces, jobs=1, console=console)
    kept = [p.path.stat().st_mtime_ns for p in pieces[:2]]
    allowed.touch()
    execute("work", pieces, jobs=1, console=console)
    assert all(p.path.exists() for p in pieces)
    assert [p.path.stat().st_mtime_ns for p in pieces[:2]] == kept


def test_the_same_call_runs_on_two_dask_processes(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="pip install dask distributed")
    pieces = [Piece(folder=tmp_path, number=i) for i in range(6)]
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as local,
        cluster(local.scheduler_address, tmp_path),
    ):
        execute("work", pieces, jobs=-1, console=Console(quiet=True))
    processes = {store.read_json(piece.path)["process"] for piece in pieces}
    assert processes and os.getpid() not in processes


def test_a_scheduler_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="pip install dask distributed")
    with (
        pytest.raises(BiotrainError, match="no scheduler at tcp://127.0.0.1:9"),
        cluster("tcp://127.0.0.1:9", tmp_path, timeout_s=1),
    ):
        pass


def test_a_worker_of_many_threads_is_refused(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="pip install dask distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as local,
        pytest.raises(BiotrainError, match="found 2 threads; start them with --nthreads 1"),
        cluster(local.scheduler_address, tmp_path),
    ):
        pass


def test_a_network_is_the_same_beside_a_thread_that_draws(tmp_path: Path) -> None:
    """As the thread of a dask worker does that listens to its scheduler."""
    people = [person(name) for name in "AB"]
    plan = dataclasses.replace(plan_of("emg_myo_25subj"), model_arguments={"pool_size": 2})
    recipe = Recipe(kind=BATCH, seed=0, epochs=1, cap=8)

    def network(name: str) -> Weights:
        return trained(plan, people, Scale.of(people), recipe, tmp_path / name)

    alone, again = network("alone"), network("again")
    ended = threading.Event()

    def draw() -> None:
        while not ended.is_set():
            random.random()

    other = threading.Thread(target=draw)
    other.start()
    try:
        beside = network("beside")
    finally:
        ended.set()
        other.join()
    assert len(alone) > 10
    for path, value in alone.items():
        np.testing.assert_array_equal(again[path], value, err_msg=path)
        np.testing.assert_array_equal(beside[path], value, err_msg=path)


def test_half_a_file_is_never_seen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write_json(tmp_path / "a.json", {"score": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_digests_tell_things_apart() -> None:
    parts: list[object] = [("a", "b"), ("ab",), ["a", ["b"]], {"a": "b"}, 1, "1", 1.0, None]
    assert len({store.digest(part) for part in parts}) == len(parts)
