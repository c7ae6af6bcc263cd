# SPDX-License-Identifier: Apache-2.0
"""`biotrain demo`: the whole road once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from biotrain_tf.demo.settings import RUNTIMES, DemoSettings

_LOG_WIDTH = 132
"""Where there is no terminal to ask, the summary table must not be cut."""


def add_parser(subparsers: Any) -> None:
    defaults = DemoSettings()
    parser = subparsers.add_parser(
        "demo",
        help="pre-train, convert, fine-tune on every runtime, compare, report",
        description="Pre-train EEGNet on all people but one, convert it, fine-tune it for that "
        "person in Keras, on stock runtimes and on emulated microcontrollers, and report.",
    )
    parser.add_argument(
        "--data",
        choices=("auto", "openbci", "eegbci", "synthetic"),
        default=defaults.data,
        help="auto (default): openbci if it is there, else synthetic; eegbci is downloaded by MNE",
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="D", help="default: $BIOTRAIN_DATA, else ../shared/data"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=defaults.output_dir,
        metavar="D",
        help="default: build/demo",
    )
    parser.add_argument("--person", metavar="S", help="whom to leave out (default: the set's last)")
    parser.add_argument(
        "--steps", type=int, default=defaults.steps, metavar="N", help="default: 50"
    )
    parser.add_argument(
        "--batch-size", type=int, default=defaults.batch_size, metavar="N", help="default: 8"
    )
    parser.add_argument(
        "--epochs", type=int, default=defaults.epochs, metavar="N", help="of pre-training"
    )
    parser.add_argument("--seed", type=int, default=defaults.seed, metavar="N", help="default: 1")
    parser.add_argument(
        "--runtimes",
        type=lambda text: tuple(text.split(",")),
        default=RUNTIMES,
        metavar="A,B",
        help=f"default: {','.join(RUNTIMES)}",
    )


def run(args: Any) -> int:
    settings = DemoSettings(
        data=args.data,
        data_dir=args.data_dir,
        output_dir=args.output_dir,
        person=args.person,
        steps=args.steps,
        batch_size=args.batch_size,
        epochs=args.epochs,
        seed=args.seed,
        runtimes=args.runtimes,
    )
    from rich.console import Console

    from biotrain_tf.demo.run import run_demo

    console = Console()
    if not console.is_terminal:
        console = Console(width=_LOG_WIDTH)
    return run_demo(settings, console)
