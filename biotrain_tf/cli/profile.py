# SPDX-License-Identifier: Apache-2.0
"""`biotrain profile FILE --target gap9`: cycles, time and energy of a step, estimated by op."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biotrain_tf.errors import BiotrainError

if TYPE_CHECKING:
    from converters.gap9.profile import Profile

SCHEDULES = ("ours", "layer-by-layer")


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "profile",
        help="estimate a step on a target without an emulator",
        description="Estimate cycles, milliseconds, millijoules and samples a second of a training "
        "step, by op, with the error band of the calibration. FILE is a converted model (.tflite, "
        "--ops micro), or a bare description of a network (.json).",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help=".tflite, or .json of a network")
    parser.add_argument("--target", choices=("gap9",), default="gap9", help="default: gap9")
    parser.add_argument(
        "--frequency", default="370MHz", metavar="F", help="240MHz or 370MHz (default)"
    )
    parser.add_argument(
        "--signature", default="train", metavar="S", help="of a .tflite (default: train)"
    )
    parser.add_argument("--cores", type=int, default=8, metavar="N", help="default: 8")
    parser.add_argument(
        "--fpus", type=int, metavar="N", help="shared by the cores (default: one a core)"
    )
    parser.add_argument(
        "--schedule",
        choices=SCHEDULES,
        default="ours",
        help="ours: searched tiles, transfers hidden (default); layer-by-layer: largest tiles, one "
        "at a time",
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the same as JSON")
    parser.add_argument("--plot", type=Path, metavar="OUT", help="write the roofline as SVG")


def run(args: Any) -> int:
    from rich.console import Console

    from biotrain_tf.report.estimate import print_estimate

    estimate = estimated(args).to_json()
    print_estimate(Console(), estimate)
    if args.json is not None:
        args.json.write_text(json.dumps(estimate, indent=1) + "\n")
        print(f"json={args.json}")
    if args.plot is not None:
        from biotrain_tf.report.roofline import roofline

        args.plot.write_text(roofline(estimate))
        print(f"plot={args.plot}")
    return 0


def estimated(args: Any) -> Profile:
    from biotrain_tf.cli.model_file import read_micro_model
    from converters.emit.predict import counts_on
    from converters.gap9.machine import Machine, operating_point, read_costs
    from converters.gap9.network import read_network
    from converters.gap9.profile import profile_graph, profile_network
    from converters.gap9.schedule import LAYER_BY_LAYER, OURS

    if args.cores < 1:
        raise BiotrainError(f"cores: wanted at least 1; found {args.cores}")
    fpus = args.cores if args.fpus is None else args.fpus
    if not 1 <= fpus <= args.cores:
        raise BiotrainError(f"fpus: wanted 1 to {args.cores}, one a core at most; found {fpus}")
    machine = replace(Machine(), cores=args.cores, fpus=fpus)
    point, costs = operating_point(args.frequency), read_costs()
    policy = OURS if args.schedule == "ours" else LAYER_BY_LAYER
    if args.file.suffix == ".json":
        network = read_network(args.file)
        return profile_network(network, machine=machine, costs=costs, point=point, policy=policy)
    if not args.file.is_file() or args.file.suffix != ".tflite":
        raise BiotrainError(f"file: wanted a .tflite or .json file; found {args.file}")
    return profile_graph(
        read_micro_model(args.file, args.signature),
        args.file.stem,
        counts_on(args.target),
        machine=machine,
        costs=costs,
        point=point,
        policy=policy,
        signature=args.signature,
    )
