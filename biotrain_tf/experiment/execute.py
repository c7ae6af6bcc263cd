# SPDX-License-Identifier: Apache-2.0
"""Many tasks at once by joblib: on this machine, or wherever joblib's backend says."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import joblib
from rich.console import Console

from biotrain_tf.demo.progress import Steps
from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment.tasks import Task


class Interrupted(BiotrainError):
    """The user stopped the work; what is done is kept."""


def execute(title: str, tasks: Sequence[Task], *, jobs: int, console: Console) -> None:
    """Does those whose file is not there. Ctrl-C raises Interrupted, and says how far it came."""
    waiting = [task for task in tasks if not task.path.exists()]
    if not waiting:
        return
    done = len(tasks) - len(waiting)
    with Steps(console) as steps, steps.step(title, total=len(waiting)) as bar:
        try:
            # A backend that the caller has named (dask) takes over both arguments.
            parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
            for finished in parallel(joblib.delayed(_run)(task, os.getpid()) for task in waiting):
                done += 1
                bar.advance(f"{done} of {len(tasks)}; last: {finished}")
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted in {title!r}, {done} of {len(tasks)} done; "
                "the same command goes on there"
            ) from None
        bar.note(f"{len(tasks)} in all")


def _run(task: Task, for_process: int) -> str:
    if not task.path.exists():
        with _deaf(for_process):
            task.run()
    return task.title


@contextlib.contextmanager
def _deaf(for_process: int) -> Iterator[None]:
    """A worker leaves Ctrl-C to the process that it works for."""
    at_home = os.getpid() == for_process
    if at_home or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def cluster(address: str | None, folder: Path, *, timeout_s: float = 10) -> Iterator[None]:
    """joblib's dask backend on a running scheduler; None: this machine. `folder` must be one that
    all machines see.
    """
    if address is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise BiotrainError(
            "dask: wanted the package distributed; found none; pip install dask distributed"
        ) from None
    if not folder.is_absolute():
        raise BiotrainError(f"output: wanted an absolute path with --dask; found {folder}")
    try:
        client = Client(address, timeout=timeout_s)
    except (OSError, TimeoutError, ValueError) as error:
        raise BiotrainError(f"dask: no scheduler at {address}: {error}") from None
    with client, joblib.parallel_config("dask"):
        threads = [worker["nthreads"] for worker in client.scheduler_info(-1)["workers"].values()]
        if max(threads, default=1) > 1:
            raise BiotrainError(
                "dask: wanted workers of one thread, for Keras's seeds are of a process; found "
                f"{max(threads)} threads; start them with --nthreads 1"
            )
        yield
