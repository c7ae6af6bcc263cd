# SPDX-License-Identifier: Apache-2.0
"""`biotrain bench kernels | step | memory | flash | host`: training, counted and timed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biotrain_tf.device.interface import DEFAULT_TIMEOUT_S, DeviceError
from biotrain_tf.errors import BiotrainError
from converters.errors import ConversionError
from converters.targets import TARGETS

if TYPE_CHECKING:
    from biotrain_tf.bench.bench_models import BenchModel

EXIT_BAD_RESULT, EXIT_USER_ERROR = 1, 2
_EMULATED = [name for name, profile in TARGETS.items() if profile.qemu is not None]
_LOG_WIDTH = 160


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "bench",
        help="count executed instructions, time this machine",
        description="What kernels and training steps execute on emulated microcontrollers, "
        "exactly, and how long the runner takes on this machine beside others.",
    )
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    _add_kernels(what)
    _add_step(what)
    _add_memory(what)
    _add_flash(what)
    _add_host(what)


def _add_kernels(what: Any) -> None:
    parser = what.add_parser("kernels", help="every kernel, beside the load-limited floor")
    parser.add_argument(
        "--target", action="append", choices=_EMULATED, help="may be repeated; default: all"
    )
    parser.add_argument(
        "--only", default="", metavar="NAME", help="kernels with this in their name"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="the figures as a list")


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        action="append",
        metavar="M",
        help="eegnet (22x1000), mi_bminet (8x1900), epidenet (2x1000), or a .keras, .h5 or .tflite "
        "file; may be repeated; default: eegnet",
    )
    parser.add_argument(
        "--target", action="append", choices=_EMULATED, help="may be repeated; default: cortex-m7"
    )
    parser.add_argument("--batch-size", type=int, default=8, metavar="N", help="default: 8")
    parser.add_argument("--norm", choices=("keep", "frozen", "group"))
    parser.add_argument("--strategy", choices=("full", "last-layer"))
    parser.add_argument("--ram", metavar="SIZE", help="as of convert")
    parser.add_argument("--sample", choices=("float32", "int16", "flash"), help="as of convert")


def _add_memory(what: Any) -> None:
    parser = what.add_parser("memory", help="RAM and instructions of a step over the whole dial")
    parser.add_argument(
        "--model", action="append", metavar="M", help="may be repeated; default: all that is known"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="the figures as a list")
    parser.add_argument(
        "--update-stacks",
        action="store_true",
        help="measure instead what of the stack each operator needs, write the table of the target",
    )


def _add_flash(what: Any) -> None:
    parser = what.add_parser("flash", help="bytes of each kernel in a firmware with a model")
    _add_models(parser)
    parser.add_argument("--json", type=Path, metavar="OUT", help="the figures as a list")


def _add_step(what: Any) -> None:
    parser = what.add_parser("step", help="one training step, operator by operator")
    _add_models(parser)
    parser.add_argument("--steps", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--json", type=Path, metavar="OUT", help="the figures as a list")
    parser.add_argument(
        "--plot", type=Path, metavar="P.svg", help="a flame graph (.svg or .png); names are added"
    )
    parser.add_argument(
        "--update-costs",
        action="store_true",
        help="measure generated models instead, and write the cost tables of converters/targets",
    )
    parser.add_argument(
        "--timeout", type=float, default=DEFAULT_TIMEOUT_S, metavar="S", help="of one run on QEMU"
    )


def _add_host(what: Any) -> None:
    parser = what.add_parser("host", help="time of a step on this machine, beside other frameworks")
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="default: 30")
    parser.add_argument(
        "--batch-size", type=int, action="append", metavar="N", help="default: 8, and 1"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="the figures as a list")


def run(args: argparse.Namespace) -> int:
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "kernels": _kernels,
        "step": _step,
        "memory": _memory,
        "flash": _flash,
        "host": _host,
    }
    try:
        return commands[args.what](args)
    except (BiotrainError, ConversionError) as error:
        if args.verbose:
            traceback.print_exc()
        print(f"biotrain bench {args.what}: {error}", file=sys.stderr)
        return EXIT_BAD_RESULT if isinstance(error, DeviceError) else EXIT_USER_ERROR


def _console() -> Any:
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=_LOG_WIDTH)


def _write(path: Path | None, rows: list[dict[str, Any]]) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows, indent=1) + "\n")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _kernels(args: argparse.Namespace) -> int:
    from biotrain_tf.bench.kernels import bench_kernels
    from biotrain_tf.bench.tables import print_kernels

    rows = bench_kernels(args.target or _EMULATED, only=args.only, on_progress=_say)
    _write(args.json, rows)
    print_kernels(_console(), rows)
    return 0


def _step(args: argparse.Namespace) -> int:
    if args.steps < 1:
        raise BiotrainError(f"steps: wanted at least 1; found {args.steps}")
    if args.update_costs:
        return _update_costs(args)
    from biotrain_tf.bench.flame import write_flame
    from biotrain_tf.bench.step import bench_step
    from biotrain_tf.bench.tables import print_step

    console, rows, passed = _console(), [], True
    several = max(len(args.model or ()), 1) * max(len(args.target or ()), 1) > 1
    for model, target in _models_on_targets(args):
        cost = bench_step(model, target, steps=args.steps, timeout_s=args.timeout)
        rows.append(cost.to_json())
        passed = passed and cost.adds_up
        print_step(console, cost)
        if args.plot is not None:
            stem = f"{args.plot.stem}-{model.name}-{target}" if several else args.plot.stem
            path = args.plot.with_name(stem + args.plot.suffix)
            write_flame(cost, path)
            console.print(f"plot: {path}", highlight=False)
    _write(args.json, rows)
    return 0 if passed else EXIT_BAD_RESULT


def _models_on_targets(args: argparse.Namespace) -> Iterator[tuple[BenchModel, str]]:
    """Each model, converted once, with each target."""
    from biotrain_tf.bench.bench_models import prepare

    with tempfile.TemporaryDirectory(prefix="biotrain-bench-") as folder:
        for i, name in enumerate(args.model or ["eegnet"]):
            _say(f"converting {name}")
            model = prepare(
                name,
                Path(folder) / str(i),
                batch_size=args.batch_size,
                norm=args.norm,
                strategy=args.strategy,
                ram=args.ram,
                sample=args.sample,
            )
            for target in args.target or ["cortex-m7"]:
                _say(f"{name} on {target}")
                yield model, target


def _memory(args: argparse.Namespace) -> int:
    from biotrain_tf.bench.memory import TARGET, bench_memory, print_memory

    if args.update_stacks:
        from biotrain_tf.bench.stacks import converted_models, update_stacks

        with tempfile.TemporaryDirectory(prefix="biotrain-stacks-") as folder:
            models = converted_models(Path(folder), target=TARGET)
            update_stacks(TARGET, models, on_progress=_say)
        return 0
    rows = bench_memory(models=args.model or (), on_progress=_say)
    _write(args.json, rows)
    print_memory(_console(), rows)
    return 0


def _flash(args: argparse.Namespace) -> int:
    from biotrain_tf.bench.flash import bench_flash, print_flash

    console, rows = _console(), []
    for model, target in _models_on_targets(args):
        use = bench_flash(model, target)
        rows += use.to_json()
        print_flash(console, use)
    _write(args.json, rows)
    return 0


def _update_costs(args: argparse.Namespace) -> int:
    from biotrain_tf.bench.cost_tables import print_fits, update_cost_tables

    fits = update_cost_tables(args.target, on_progress=_say)
    print_fits(_console(), fits)
    return 0


def _host(args: argparse.Namespace) -> int:
    from biotrain_tf.bench.host import bench_host, print_host

    if args.rounds < 1:
        raise BiotrainError(f"rounds: wanted at least 1; found {args.rounds}")
    rows = bench_host(batches=args.batch_size or [8, 1], rounds=args.rounds, on_progress=_say)
    _write(args.json, rows)
    print_host(_console(), rows)
    return 0
