# SPDX-License-Identifier: Apache-2.0
"""Work that is interrupted goes on where it was, here and on a cluster."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import pytest
from rich.console import Console

from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment import store
from biotrain_tf.experiment.execute import Interrupted, cluster, execute

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


def test_half_a_file_is_never_seen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write_json(tmp_path / "a.json", {"score": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_digests_tell_things_apart() -> None:
    parts: list[object] = [("a", "b"), ("ab",), ["a", ["b"]], {"a": "b"}, 1, "1", 1.0, None]
    assert len({store.digest(part) for part in parts}) == len(parts)
