# SPDX-License-Identifier: Apache-2.0
"""What is going on: live bars on a terminal, one line per finished step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Task:
    """One step of the demo. `advance` moves its bar; `note` is shown behind it."""

    def __init__(self, progress: Progress, task_id: int) -> None:
        self._progress = progress
        self._id = task_id
        self.remark = ""

    def advance(self, note: str = "") -> None:
        self._progress.update(self._id, advance=1)  # type: ignore[arg-type]
        self.note(note)

    def note(self, note: str) -> None:
        self.remark = note
        self._progress.update(self._id, note=note)  # type: ignore[arg-type]


class Steps:
    """A context; `with steps.step("what"):` for each step, from any thread."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Steps:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, title: str, *, total: int | None = None) -> Iterator[Task]:
        started = time.monotonic()
        task_id = self._progress.add_task(title, total=total, note="")
        task = Task(self._progress, task_id)
        if not self._console.is_terminal:
            self._console.print(f"{title} ...", highlight=False)
        yield task
        self._progress.update(task_id, total=total or 1, completed=total or 1)
        if not self._console.is_terminal:
            took = time.monotonic() - started
            self._console.print(f"{title}: {took:.1f} s  {task.remark}", highlight=False)
