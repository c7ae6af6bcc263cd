# SPDX-License-Identifier: Apache-2.0
"""A program of this machine that is certain to be gone afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from biotrain_tf.device.interface import DeviceError

_GRACE_S = 5.0


@contextlib.contextmanager
def running(
    command: Sequence[str], *, folder: Path, stdio: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Starts it in ``folder``; its stderr goes to the file `stderr` there.

    ``stdio``: stdin and stdout are pipes; otherwise both are closed. On leaving it is killed, with
    what it has started: the `renode` of a build from sources is a script that waits for Mono.
    """
    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            stdin=subprocess.PIPE if stdio else subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdio else subprocess.DEVNULL,
            stderr=stderr,
            bufsize=0,
            process_group=0,
        )
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        # It may be about to end by itself and still have counts to write.
        try:
            process.wait(timeout=0.2 if process.poll() is None else 0)
        except subprocess.TimeoutExpired:
            _signal_all(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_GRACE_S)
        _signal_all(process, signal.SIGKILL)
        process.wait()


def _signal_all(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To all of its group, of which it may be gone itself."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def with_last_words(error: DeviceError, folder: Path) -> DeviceError:
    """The error, and what the program in ``folder`` has written to stderr about it."""
    words = last_words(folder)
    return DeviceError(f"{error}; it says: {words}") if words else error


def last_words(folder: Path) -> str:
    """The last line of its stderr, for an error message; empty if it wrote nothing."""
    path = folder / "stderr"
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    # The reports of sanitizers and of QEMU begin with the line that says most.
    words = ("ERROR", "runtime error", "fatal")
    telling = [line for line in lines if any(word in line for word in words)]
    return (telling or lines[-1:] or [""])[0].strip()
