# SPDX-License-Identifier: Apache-2.0
"""`biotrain experiment`: a person the network never saw, or drift over days, on real recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_LOG_WIDTH = 140
ALL = "all"
_DAY1, _LONGITUDINAL = "day1", "longitudinal"


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "experiment",
        help="adapt to people of a data set, compare strategies in pairs",
        description="Pre-train on other people, choose hyper-parameters on those, then adapt to "
        "each person on the host runner by every strategy; report scores, intervals, forgetting "
        "and cost. What is done is kept: the same command goes on where it was.",
    )
    parser.add_argument(
        "scenario",
        choices=(_DAY1, _LONGITUDINAL, ALL),
        help="day1: a new person, on a growing number of trials; longitudinal: drift over "
        "sessions; all: both, for every data set",
    )
    parser.add_argument(
        "--data", metavar="NAME", help="like eeg_mi_openbci; a name that is unknown lists all"
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="D", help="default: $BIOTRAIN_DATA, else ../shared/data"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("build/experiment"),
        metavar="D",
        help="default: build/experiment",
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="F.md",
        help="with all: where the page goes (default: OUTPUT_DIR/results.md)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that all of it runs"
    )
    size = parser.add_argument_group("how much")
    size.add_argument("--seeds", type=int, metavar="N", help="default: 3")
    size.add_argument("--test-people", type=int, metavar="N", help="the first N (default: all)")
    size.add_argument(
        "--sessions", type=int, metavar="N", help="later sessions, evenly spread (default: all)"
    )
    size.add_argument(
        "--variants", metavar="A;B", help="like 'none;last-layer;full, frozen' (default: all)"
    )
    size.add_argument(
        "--learning-rates", metavar="R,R", help="to choose from (default: 0.001,0.005,0.02)"
    )
    size.add_argument("--epochs", metavar="N,N", help="to choose from (default: 3,10,20)")
    size.add_argument(
        "--pretrain-share", type=float, metavar="S", help="of the pre-training epochs"
    )
    work = parser.add_argument_group("where it runs")
    work.add_argument(
        "--jobs", type=int, metavar="N", default=-1, help="processes (default: one a core)"
    )
    work.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="of a dask scheduler; its workers see OUTPUT_DIR and have one thread each",
    )
    work.add_argument("--no-device", action="store_true", help="leave out the emulated Cortex-M7")


def run(args: Any) -> int:
    from rich.console import Console

    from biotrain_tf.errors import BiotrainError
    from biotrain_tf.experiment.execute import Interrupted
    from biotrain_tf.experiment.plans import PLANS, plan_of
    from biotrain_tf.experiment.publish import run_all, run_one
    from biotrain_tf.experiment.settings import Places

    console = Console()
    if not console.is_terminal:
        console = Console(width=_LOG_WIDTH)
    if args.jobs == 0:
        raise BiotrainError("jobs: wanted 1 or more, or -1 for one a core; found 0")
    if args.scenario != ALL and args.data is None:
        raise BiotrainError(
            f"data: wanted one of {', '.join(PLANS)}; found none; name it with --data"
        )
    if args.scenario != ALL and args.page is not None:
        raise BiotrainError(
            f"page: wanted with {ALL} only, whose results it holds; found with {args.scenario}; "
            "leave it out"
        )
    plans = (
        list(PLANS.values()) if args.data is None else [plan_of(n) for n in args.data.split(",")]
    )
    common: dict[str, Any] = {
        "scope": _scope(args),
        "places": Places(output=args.output_dir.resolve(), data_dir=args.data_dir),
        "jobs": args.jobs,
        "dask": args.dask,
        "on_device": not args.no_device,
        "console": console,
    }
    try:
        if args.scenario != ALL:
            for plan in plans:
                run_one(plan, args.scenario, **common)
        else:
            page = args.page or common["places"].output / "results.md"
            run_all(plans, page=page, command=_command(args), **common)
    except Interrupted as stopped:
        console.print(f"biotrain experiment: {stopped}", highlight=False)
        return 1
    return 0


def _scope(args: Any) -> Any:
    from biotrain_tf.errors import BiotrainError
    from biotrain_tf.experiment.settings import Scope
    from biotrain_tf.experiment.variants import by_labels

    for name in ("seeds", "test_people", "sessions"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise BiotrainError(f"{name.replace('_', '-')}: wanted at least 1; found {value}")
    if args.pretrain_share is not None and not 0 < args.pretrain_share <= 10:
        raise BiotrainError(f"pretrain-share: wanted more than 0; found {args.pretrain_share:g}")
    return (Scope.quick() if args.quick else Scope()).limited(
        seeds=None if args.seeds is None else tuple(range(args.seeds)),
        max_test_people=args.test_people,
        max_sessions=args.sessions,
        variants=None if args.variants is None else by_labels(args.variants),
        learning_rates=_numbers("learning-rates", args.learning_rates, float),
        epochs=_numbers("epochs", args.epochs, int),
        pretrain_share=args.pretrain_share,
    )


def _numbers(name: str, text: str | None, kind: type) -> tuple[Any, ...] | None:
    from biotrain_tf.errors import BiotrainError

    if text is None:
        return None
    try:
        found = tuple(sorted(kind(part) for part in text.split(",")))
    except ValueError:
        found = ()
    if not found or not all(value > 0 for value in found):
        raise BiotrainError(f"{name}: wanted numbers above 0 like 1,2; found {text!r}")
    return found


def _command(args: Any) -> str:
    """The line that makes the same page again."""
    words = ["biotrain experiment all"]
    for name in (
        "data",
        "seeds",
        "test_people",
        "sessions",
        "learning_rates",
        "epochs",
        "pretrain_share",
    ):
        value = getattr(args, name)
        if value is not None:
            words.append(f"--{name.replace('_', '-')} {value}")
    if args.variants is not None:
        words.append(f'--variants "{args.variants}"')
    if args.quick:
        words.append("--quick")
    return " ".join(words)
