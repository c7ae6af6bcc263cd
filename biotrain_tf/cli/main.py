# SPDX-License-Identifier: Apache-2.0
"""`biotrain`: finds the subcommand, and turns what a user can put right into one line.

Exit codes: 0 all is well; 1 it ran and the result is bad; 2 it could not run.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from absl import app, logging
from absl.flags import argparse_flags

from biotrain_tf.errors import BiotrainError
from converters.errors import ConversionError

COMMANDS = ("convert", "plan", "profile", "run", "bench", "demo", "experiment")
"""Modules of this package, each with `add_parser(subparsers)` and `run(args) -> int`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `argv` (default: the command line; no program name in it) and return the exit code."""
    arguments = ["biotrain", *(sys.argv[1:] if argv is None else argv)]
    try:
        app.run(_run, argv=arguments, flags_parser=_parse)  # always exits
    except SystemExit as finished:
        code = finished.code
        return code if isinstance(code, int) else 0 if code is None else 2


def _parse(argv: Sequence[str]) -> Any:
    # `resolve`: our -v is a switch, absl's -v wants a number (its --verbosity stays).
    new_parser = functools.partial(argparse_flags.ArgumentParser, conflict_handler="resolve")
    parser = new_parser(prog="biotrain", description="Keras models that train on microcontrollers.")
    subparsers = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=new_parser
    )
    for name in COMMANDS:
        importlib.import_module(f"biotrain_tf.cli.{name}").add_parser(subparsers)
    for subparser in subparsers.choices.values():
        subparser.add_argument(
            "-v", "--verbose", action="store_true", help="log more, and show tracebacks"
        )
    return parser.parse_args(argv[1:])


def _run(args: Any) -> int:
    _set_logging(args.verbose)
    command = importlib.import_module(f"biotrain_tf.cli.{args.command}")
    try:
        return int(command.run(args) or 0)
    except (Exception, KeyboardInterrupt) as error:
        if args.verbose:
            traceback.print_exc()
        print(f"biotrain {args.command}: {_in_one_line(error)}", file=sys.stderr)
        return 2


def _in_one_line(error: BaseException) -> str:
    if isinstance(error, (BiotrainError, ConversionError)):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    lines = str(error).strip().splitlines()
    return f"unexpected {type(error).__name__}: {lines[0] if lines else ''} (-v shows where)"


def _set_logging(verbose: bool) -> None:
    # Keras and TensorFlow warn of what their callers here know.
    logging.set_verbosity(logging.INFO if verbose else logging.ERROR)
    if not verbose:
        # Read by TensorFlow's C++ when it is imported, which no subcommand has done yet.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


if __name__ == "__main__":
    sys.exit(main())
