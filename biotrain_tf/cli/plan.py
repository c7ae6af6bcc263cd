# SPDX-License-Identifier: Apache-2.0
"""`biotrain plan FILE`: pack the buffers of a converted model, or of a minimalloc CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from biotrain_tf.errors import BiotrainError

if TYPE_CHECKING:
    from converters.planner.minimalloc import NamedProblem

EXIT_BAD_RESULT = 1


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "plan",
        help="pack buffers into the least memory",
        description="Pack the tensors of a signature, or the buffers of a file in "
        "google/minimalloc's CSV (id,lower,upper,size; upper is the first moment without the "
        "buffer). Prints peak, lower bound, and how far apart they are. Offsets that a CSV brings "
        "are checked.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help=".tflite of --ops micro, or .csv")
    parser.add_argument(
        "--signature", default="train", metavar="S", help="of a .tflite (default: train)"
    )
    parser.add_argument(
        "--csv", type=Path, metavar="OUT", help="write problem and offsets for minimalloc"
    )


def run(args: Any) -> int:
    from converters.planner.minimalloc import fault, write_csv
    from converters.planner.solver import solve

    named = _read(args.file, args.signature)
    problem = named.problem
    bound = problem.lower_bound()
    print(f"buffers={len(problem.buffers)}")
    wrong = None
    if named.offsets is not None:
        given = max(named.offsets[b.id] + b.size for b in problem.buffers)
        wrong = fault(named, named.offsets)
        print(f"given_peak_bytes={given}")
        print(f"given_offsets={wrong or 'right'}")
    solution = solve(problem)
    print(f"peak_bytes={solution.height}")
    print(f"lower_bound_bytes={bound}")
    print(f"above_bound_percent={100 * (solution.height / bound - 1):.2f}")
    if args.csv is not None:
        args.csv.write_text(write_csv(named, solution))
    return EXIT_BAD_RESULT if wrong else 0


def _read(path: Path, signature: str) -> NamedProblem:
    from biotrain_tf.cli.model_file import read_micro_model
    from converters.planner.minimalloc import read_csv
    from converters.planner.plan import problem_of

    if not path.is_file():
        raise BiotrainError(f"file: wanted a .tflite or .csv file; found no {path}")
    if path.suffix == ".csv":
        return read_csv(path.read_text())
    if path.suffix != ".tflite":
        raise BiotrainError(f"file: wanted a .tflite or .csv file; found {path.name}")
    return problem_of(read_micro_model(path, signature), signature)
