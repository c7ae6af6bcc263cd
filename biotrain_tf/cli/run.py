# SPDX-License-Identifier: Apache-2.0
"""`biotrain run`: train a converted model on a device, real or emulated, and report."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from biotrain_tf.device.board import DEFAULT_BAUD, SerialPort
from biotrain_tf.device.interface import DEFAULT_TIMEOUT_S, DeviceError
from biotrain_tf.device.qemu import LINKS
from biotrain_tf.device.run import EMULATORS, run_device
from biotrain_tf.errors import BiotrainError
from converters.targets import TARGETS

EXIT_DEVICE_FAILED, EXIT_USER_ERROR = 1, 2
_QUIET_S, _EVERY_S = 2.0, 1.0
_DESCRIPTION = (
    "Builds the firmware for a target, trains on samples of a .npz there, and reports losses, "
    "weights, accuracy, instructions and memory."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, metavar="M.tflite")
    parser.add_argument("--target", required=True, choices=list(TARGETS))
    parser.add_argument(
        "--emulator", choices=EMULATORS, default="qemu", help="or a serial port; default: qemu"
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="D.npz",
        help="X (samples first, in the model's shape, or (epochs, channels, samples), as integers "
        "with `scale`), y, and, if accuracy is to be measured on others, X_test and y_test",
    )
    parser.add_argument("--steps", type=int, required=True, metavar="N", help="batches, in order")
    parser.add_argument("--json", type=Path, metavar="OUT", help="where the results go")
    parser.add_argument("--link", choices=LINKS, help="of QEMU; default: semihosting")
    parser.add_argument("--port", metavar="DEVICE", help="of --emulator serial, as /dev/ttyACM0")
    parser.add_argument(
        "--baud", type=int, default=DEFAULT_BAUD, metavar="N", help=f"default: {DEFAULT_BAUD}"
    )
    parser.add_argument(
        "--program",
        type=Path,
        metavar="ELF",
        help="what runs at --port, for sizes and names; default: the firmware built for --target",
    )
    parser.add_argument(
        "--commands-out", type=Path, metavar="FILE", help="what is sent; $data of scripts/renode"
    )
    parser.add_argument(
        "--weights-out", type=Path, metavar="FILE", help="all variables afterwards, raw"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_TIMEOUT_S,
        metavar="S",
        help=f"seconds without a reply before the device is stopped; default {DEFAULT_TIMEOUT_S:g}",
    )


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("run", help="train on a device", description=_DESCRIPTION)
    add_arguments(parser)


class _Progress:
    """Nothing for two seconds, then a line a second on stderr."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._started = self._printed = time.monotonic()

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if now - self._started < _QUIET_S or now - self._printed < _EVERY_S:
            return
        self._printed = now
        print(f"{self._target}: {text} ({now - self._started:.0f} s)", file=sys.stderr, flush=True)


def run(args: argparse.Namespace) -> int:
    try:
        result = run_device(
            model=args.model,
            target=args.target,
            data=args.data,
            steps=args.steps,
            emulator=args.emulator,
            link=args.link,
            port=None if args.port is None else SerialPort(args.port, args.baud),
            program=args.program,
            timeout_s=args.timeout,
            json_path=args.json,
            weights_path=args.weights_out,
            commands_path=args.commands_out,
            on_progress=_Progress(args.target),
        )
    except (BiotrainError, OSError) as error:
        if args.verbose:
            traceback.print_exc()
        print(f"biotrain run: {error}", file=sys.stderr)
        return EXIT_DEVICE_FAILED if isinstance(error, DeviceError) else EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return EXIT_DEVICE_FAILED
    ram = result["ram_bytes"]
    print(f"loss={result['loss'][0]:.6f}..{result['loss'][-1]:.6f} steps={result['steps']}")
    print(f"accuracy_before={result['accuracy_before']} accuracy_after={result['accuracy_after']}")
    print(f"weights_sha256={result['weights_sha256']}")
    print(f"instructions_per_step={result['instructions_per_step']}")
    print(f"ram_bytes={ram['total']} flash_bytes={result['flash_bytes']}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command of scripts/run_device.py."""
    parser = argparse.ArgumentParser(prog="run_device.py", description=_DESCRIPTION)
    add_arguments(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="tracebacks of errors")
    return run(parser.parse_args(arguments))
