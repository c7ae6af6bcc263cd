# SPDX-License-Identifier: Apache-2.0
"""`biotrain convert MODEL`: a Keras model in, a flatbuffer that trains out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SAMPLES = ("float32", "int16", "flash")
NORMS = ("keep", "frozen", "group")
STRATEGIES = ("full", "last-layer")
OPTIMIZERS = ("sgd", "momentum")
LOSSES = (
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "binary_crossentropy",
    "mse",
)


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "convert",
        help="Keras model to trainable TFLite flatbuffer",
        description="Convert a Keras model to one TFLite flatbuffer with signatures train, "
        "infer, save and restore.",
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help=".keras, .h5 or Keras 2 .h5 file")
    parser.add_argument("--output-dir", type=Path, metavar="D", help="default: build/<name>")
    parser.add_argument(
        "--ops",
        choices=("micro", "builtin"),
        default="micro",
        help="micro: compact gradient ops for our runner (default); builtin: for stock LiteRT, "
        "tflite-runtime and TFLM",
    )
    parser.add_argument(
        "--norm",
        choices=NORMS,
        default="keep",
        help="BatchNorm in training: live statistics (default), frozen, or replaced by GroupNorm",
    )
    parser.add_argument(
        "--strategy", choices=STRATEGIES, default="full", help="what trains (default: full)"
    )
    parser.add_argument(
        "--optimizer", choices=OPTIMIZERS, help="default: the model's, else momentum"
    )
    parser.add_argument(
        "--learning-rate", type=float, metavar="R", help="default: the model's, else 0.01"
    )
    parser.add_argument(
        "--momentum", type=float, metavar="M", help="default: the model's, else 0.9"
    )
    parser.add_argument(
        "--batch-size", type=int, default=8, metavar="N", help="samples of one step (default: 8)"
    )
    parser.add_argument(
        "--loss", choices=LOSSES, help="default: the model's, else by its last activation"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the dropout masks (default: 0)")
    parser.add_argument(
        "--no-commute",
        dest="commute",
        action="store_const",
        const=False,
        default="auto",
        help="keep linear convolutions in their order, also where the other one is cheaper",
    )
    parser.add_argument(
        "--tensor-names",
        action="store_true",
        help="keep the names of intermediate tensors in the file, for Netron",
    )
    memory = parser.add_argument_group("memory")
    memory.add_argument(
        "--ram",
        metavar="SIZE",
        help="all RAM of the device, like 128K, or tcm=64K,sram=320K, the fastest region first: "
        "the fewest instructions that fit; min: the least RAM (default: the fewest instructions)",
    )
    memory.add_argument(
        "--target",
        default="cortex-m4f",
        help="whose instruction costs decide (default: cortex-m4f); gap9: those of riscv32, and an "
        "estimate of time and energy",
    )
    memory.add_argument(
        "--sample",
        choices=SAMPLES,
        default="float32",
        help="a sample on the device: float32 or int16 codes in a buffer, or read in flash",
    )
    memory.add_argument(
        "--sample-scale", type=float, metavar="S", help="of int16 codes, in units of x"
    )


def run(args: Any) -> int:
    from rich.console import Console

    from biotrain_tf.report.conversion import conversion_page
    from biotrain_tf.report.estimate import print_estimate
    from biotrain_tf.report.table import print_conversion
    from converters import convert

    console = Console()
    with console.status("converting") as status:
        result = convert(
            args.model,
            output_dir=args.output_dir,
            ops=args.ops,
            norm=args.norm,
            strategy=args.strategy,
            optimizer=args.optimizer,
            learning_rate=args.learning_rate,
            momentum=args.momentum,
            batch_size=args.batch_size,
            loss=args.loss,
            seed=args.seed,
            commute=args.commute,
            tensor_names=args.tensor_names,
            ram=args.ram,
            target=args.target,
            sample=args.sample,
            sample_scale=args.sample_scale,
            progress=lambda stage: status.update(stage),
        )
    if result.report.get("schedule") is not None:
        page = result.report_path.with_suffix(".html")
        page.write_text(conversion_page(result.report))
        result.report["files"]["page"] = str(page)
    print_conversion(console, result.report)
    for estimate in (result.report.get("estimate") or {}).values():
        print_estimate(console, estimate, ops=False)
    return 0
