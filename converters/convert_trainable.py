# SPDX-License-Identifier: Apache-2.0
"""A Keras model in, one TFLite flatbuffer that infers and trains out.

    convert_trainable.py model.h5

``convert`` composes the rooms beside this file, in the order of their use: load, build the step,
differentiate, rewrite, plan, emit. It alone knows all of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

OPS = ("micro", "builtin")


@dataclass(frozen=True)
class ConversionResult:
    """Where the files are, and what they hold; ``report`` is the content of report.json."""

    model_path: Path
    report_path: Path
    arena_bytes: int
    report: dict[str, Any]


def convert(
    model: keras.Model | str | Path,
    *,
    output_dir: str | Path | None = None,
    name: str | None = None,
    ops: str = "micro",
    norm: str = "keep",
    strategy: str = "full",
    optimizer: str | None = None,
    learning_rate: float | None = None,
    momentum: float | None = None,
    schedule: str | None = None,
    schedule_steps: int | None = None,
    weight_decay: float | None = None,
    clip_norm: float | None = None,
    accumulate: int | None = None,
    batch_size: int = 8,
    loss: str | None = None,
    seed: int = 0,
    commute: bool | str = "auto",
    channel_scores: Mapping[str, Any] | None = None,
    ram: str | int | None = None,
    target: str = "cortex-m4f",
    sample: str = "float32",
    sample_scale: float | None = None,
    tensor_names: bool = False,
    progress: Callable[[str], None] = lambda stage: None,
) -> ConversionResult:
    """Convert a Keras model to a trainable flatbuffer and write it with its companions.

    Args:
        model: a ``keras.Model``, or the path of a .keras, .h5 or legacy .h5 file.
        output_dir: folder for all files; default ``build/<name>``.
        name: base name of the files; default the file's stem or the model's name.
        ops: ``micro`` keeps gradients as compact ops for our runner; ``builtin`` uses TFLite
            builtins only, for stock LiteRT, tflite-runtime and TFLM.
        norm: BatchNorm in training: ``keep`` (live), ``frozen`` (moving averages) or ``group``
            (GroupNorm instead).
        strategy: which variables move: ``none``, ``last-layer``, ``last-N``, ``layers:NAME,NAME``,
            ``norm``, ``bias``, ``sparse:FRACTION``, ``lora:RANK``, ``layer-wise`` or ``full``
            (docs/strategies.md).
        optimizer: ``sgd``, ``momentum``, ``adam`` or ``adamw``; default the model's compiled one,
            else momentum 0.9.
        learning_rate: default the compiled optimizer's, else 0.01, of Adam 0.001.
        momentum: default the compiled SGD's, else 0.9.
        schedule: ``constant``, or ``cosine`` from the rate to zero in ``schedule_steps`` calls of
            ``train``.
        weight_decay: part of a weight, times the rate, that each update takes off it; default 0, of
            AdamW 0.004.
        clip_norm: largest norm of all gradients together; default none.
        accumulate: calls of ``train`` for one update, with the mean of their gradients; default 1.
        batch_size: samples of one training step, static.
        loss: sparse_categorical_crossentropy, categorical_crossentropy, binary_crossentropy or
            mse; default the compiled one, else by the last activation.
        seed: of the dropout masks.
        commute: compute linear convolutions in the cheaper order: ``auto`` where a training step
            gains, with ``micro``; True wherever possible; False never.
        channel_scores: of ``sparse``, what converters.step.channels.channel_scores found on data;
            default the norms of the filters.
        ram: all RAM of the device, like 128K: the schedule with the fewest instructions that fits;
            ``tcm=64K,sram=320K``: several memories, the fastest first, which has the stack;
            ``min``: the least RAM; None: the fewest instructions.
        target: whose instruction costs decide between schedules.
        sample: how samples get to the device's kernels when they come one by one: ``float32`` or
            ``int16`` codes, copied into a buffer of one sample, or ``flash``, read in place.
        sample_scale: what one int16 code is, in units of x.
        tensor_names: keep the names of intermediate tensors in the file, for Netron.
        progress: called with the name of each stage.

    Raises:
        ConversionError: a bad option, file or model; the message names it and what to do.
    """
    from converters.emit.c_array import identifier
    from converters.errors import ConversionError
    from converters.loading.load import load
    from converters.loading.support import check_supported
    from converters.search.demand import read_demand
    from converters.step.options import StepOptions

    if ops not in OPS:
        raise ConversionError(f"ops must be one of {', '.join(OPS)}, got {ops!r}")
    options = StepOptions(
        norm=norm,
        strategy=strategy,
        optimizer=optimizer,
        learning_rate=learning_rate,
        momentum=momentum,
        schedule=schedule,
        schedule_steps=schedule_steps,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        accumulate=accumulate,
        batch_size=batch_size,
        loss=loss,
        seed=seed,
        commute=commute,
        channel_scores=channel_scores,
    )
    demand = read_demand(ops, ram, target, sample, sample_scale)
    progress("loading")
    loaded = load(model)
    check_supported(loaded)
    base = identifier(
        name or (loaded.name if not isinstance(model, (str, Path)) else Path(model).stem)
    )
    folder = Path(output_dir) if output_dir is not None else Path("build") / base
    return _convert(loaded, base, folder, ops, options, demand, tensor_names, progress)


def _convert(
    model: keras.Model,
    base: str,
    folder: Path,
    ops: str,
    options: Any,
    demand: Any,
    tensor_names: bool,
    progress: Callable[[str], None],
) -> ConversionResult:
    from converters import graph as graphs
    from converters.emit.predict import counts_on
    from converters.gap9.estimates import estimates
    from converters.passes.drop_names import drop_names
    from converters.passes.selector import add_selector
    from converters.planner.offline import METADATA_NAME as OFFLINE
    from converters.planner.offline import offline_plan
    from converters.planner.plan import METADATA_NAME
    from converters.planner.storage import IN_PLACE
    from converters.planner.verify import verify
    from converters.search.budget import BUDGET_NAME, budget_metadata
    from converters.search.schedule import NothingFits

    compact = ops == "micro"
    step, graph = _trace(model, options, compact, progress)
    progress("rewriting and planning memory")
    schedule = None
    if compact:
        try:
            schedule = _schedule(graph, options, demand)
        except NothingFits as error:
            raise _advised(error, model, step, graph, options, demand, progress) from None
        verify(schedule.graph, schedule.plan, IN_PLACE)
        plan = {METADATA_NAME: schedule.plan.to_metadata()}
        if not demand.budget.is_free:
            plan[BUDGET_NAME] = budget_metadata(demand.budget, demand.target, schedule.ram_bytes)
        graph = replace(schedule.graph, metadata={**schedule.graph.metadata, **plan})
    else:
        graph = add_selector(graph)
        offline = {OFFLINE: offline_plan(graph).to_metadata()}
        graph = replace(graph, metadata={**graph.metadata, **offline})
    data = graphs.write(graph if tensor_names else drop_names(graph))
    progress("writing files")
    on_gap9 = compact and demand.target == "gap9"
    estimate = estimates(graph, base, counts_on("gap9")) if on_gap9 else None
    return _emit(data, graph, schedule, step, model, base, folder, ops, options, estimate)


def _trace(
    model: keras.Model, options: Any, compact: bool, progress: Callable[[str], None]
) -> tuple[Any, Any]:
    """The step, and its graph before schedules are made of it."""
    from converters import graph as graphs
    from converters.gradients.writer import Writer
    from converters.passes.exact_options import exact_options
    from converters.passes.name_variables import name_variables
    from converters.step.export import export
    from converters.step.training_step import TrainingStep

    progress("tracing the training step")
    step = TrainingStep(
        model, options, Writer(compact), infer_batch=1 if compact else options.batch_size
    )
    progress("writing gradients")
    raw = export(step, custom_ops=compact)
    graph = name_variables(exact_options(graphs.read(raw)), list(step.variables_by_name))
    graph = replace(graph, description="biotrain_tf trainable model", metadata={})
    if compact:
        graph = _rewritten(graph)
    return step, graph


def _schedule(graph: Any, options: Any, demand: Any) -> Any:
    from converters.emit.predict import cost_on
    from converters.search.dial import choose

    return choose(
        graph,
        batch=options.batch_size,
        budget=demand.budget,
        sample=demand.sample,
        scale=demand.scale,
        cost=cost_on(demand.target),
        overhead=_overhead_on(demand.target),
    )


def _overhead_on(target: str) -> Callable[[Any], int]:
    """Bytes of RAM that a firmware needs beside the arena."""
    from converters.emit.predict import stack_on
    from converters.search.budget import STATIC_BYTES
    from converters.targets.stacks import GUARD_BYTES

    stack = stack_on(target)
    return lambda graph: STATIC_BYTES + stack(graph) + GUARD_BYTES


def _advised(
    error: Any,
    model: keras.Model,
    step: Any,
    graph: Any,
    options: Any,
    demand: Any,
    progress: Callable[[str], None],
) -> Exception:
    """The error with what other choices would need: each is planned, and but for the sample traced
    anew.
    """
    import keras

    from converters.passes.fetch_samples import Sample
    from converters.search.advice import Alternative, Chosen, with_advice
    from converters.search.dial import least_ram
    from converters.step.twin import leaf_layers

    norms = (keras.layers.BatchNormalization,)
    chosen = Chosen(
        norm=options.norm,
        has_norm=any(isinstance(layer, norms) for layer in leaf_layers(model)),
        batch_size=options.batch_size,
        strategy=options.strategy,
        optimizer=step.choices.optimizer.name,
        sample=demand.sample,
    )

    def ram_of(alternative: Alternative) -> int:
        changed, other, sample = options, graph, demand.sample
        if alternative.option == "sample":
            sample = Sample(alternative.value)
        else:
            forced = {"momentum": None} if alternative.option == "optimizer" else {}
            changed = replace(options, **{alternative.option: alternative.value}, **forced)
            _, other = _trace(model, changed, True, lambda stage: None)
        return least_ram(
            other,
            batch=changed.batch_size,
            sample=sample,
            scale=demand.scale,
            overhead=_overhead_on(demand.target),
        )

    return with_advice(error, chosen, ram_of, progress)


def _rewritten(graph: Any) -> Any:
    """The traced step as the micro ops want it, before there is a schedule."""
    from converters.passes.add_into_bias import add_into_bias
    from converters.passes.channels_first import channels_first
    from converters.passes.fused_relu import join_relu, part_relu
    from converters.passes.relu_behind_pool import relu_behind_pool
    from converters.passes.through_views import through_views
    from converters.passes.zero_states import zero_states

    graph = add_into_bias(part_relu(channels_first(graph)))
    return zero_states(join_relu(relu_behind_pool(through_views(graph))))


def _emit(
    data: bytes,
    graph: Any,
    schedule: Any,
    step: Any,
    model: Any,
    base: str,
    folder: Path,
    ops: str,
    options: Any,
    estimate: dict[str, Any] | None,
) -> ConversionResult:
    from converters.emit.c_array import write_c_array
    from converters.emit.op_table import write_op_table
    from converters.emit.predict import counts_on, predict_steps
    from converters.emit.report import memory_map, op_counts, ram_by_region
    from converters.emit.tflm_ops import write_tflm_ops
    from converters.emit.work import step_macs
    from converters.gap9.tile_table import tile_files
    from converters.step.twin import leaf_layers

    folder.mkdir(parents=True, exist_ok=True)
    model_path = folder / f"{base}.tflite"
    model_path.write_bytes(data)
    plan = schedule.plan if schedule else None
    arena = plan.arena_bytes if plan else 0
    comment = f"Made by biotrain_tf from Keras model {model.name}; --ops {ops}."
    regions = {region.name: region.bytes for region in plan.regions} if plan else None
    header, source = write_c_array(
        data, name=base, folder=folder, arena_bytes=arena, comment=comment, regions=regions
    )
    files = {"model": str(model_path), "header": str(header), "source": str(source)}
    if plan:
        table = write_op_table(graph, folder / f"{base}_model_ops.cc", comment=comment)
        files["op_table"] = str(table)
        planned = graph if estimate is not None else None
        tiles = folder / f"{base}_model_tiles.cc"
        files |= tile_files(planned, tiles, counts=counts_on("gap9"), comment=comment)
        resolver = folder / f"{base}_tflm_ops.h"
        files["tflm_ops"] = str(write_tflm_ops(graph, resolver, base=base, comment=comment))
    trained = set(step.trained_names())
    report: dict[str, Any] = {
        "model": model.name,
        "ops": ops,
        "flags": {
            "norm": options.norm,
            "strategy": options.strategy,
            "optimizer": step.choices.optimizer.name,
            "learning_rate": step.choices.optimizer.learning_rate,
            "momentum": step.choices.optimizer.momentum,
            "schedule_steps": step.choices.optimizer.schedule_steps,
            "weight_decay": step.choices.optimizer.weight_decay,
            "clip_norm": step.choices.optimizer.clip_norm,
            "accumulate": step.choices.optimizer.accumulate,
            "optimizer_origin": step.choices.optimizer_origin,
            "loss": step.choices.loss.name,
            "loss_origin": step.choices.loss_origin,
            "batch_size": options.batch_size,
            "seed": options.seed,
        },
        "parameters": int(model.count_params()),
        "trained_parameters": sum(
            int(v.shape.num_elements()) for n, v in step.variables_by_name.items() if n in trained
        ),
        "variables": {n: list(v.shape) for n, v in sorted(step.variables_by_name.items())},
        "textbook_macs_per_step": step_macs(
            leaf_layers(model), options.batch_size, trained=step.trained_layers()
        ),
        "commuted": [chain.report(options.batch_size) for chain in step.commuted],
        "folded": [fold.report(options.batch_size) for fold in step.folded],
        "predicted_instructions_per_step": predict_steps(graph) if plan else None,
        "estimate": estimate,
        "flatbuffer_bytes": len(data),
        "flash_bytes": len(data),
        "schedule": schedule.in_words() if schedule else None,
        "ram_bytes": ram_by_region(graph, plan) if plan else None,
        "ram_total_bytes": schedule.ram_bytes if schedule else None,
        "op_list": graph.op_kinds(),
        "op_counts": op_counts(graph),
        "memory_map": memory_map(graph, plan, "train") if plan else None,
        "files": files,
    }
    report_path = folder / "report.json"
    report["files"]["report"] = str(report_path)
    report_path.write_text(json.dumps(report, indent=1) + "\n")
    return ConversionResult(model_path, report_path, arena, report)


def main(argv: list[str] | None = None) -> int:
    """``convert_trainable.py MODEL …`` is ``biotrain convert MODEL …``."""
    from biotrain_tf.cli.main import main as biotrain

    return int(biotrain(["convert", *(sys.argv[1:] if argv is None else argv)]) or 0)


if __name__ == "__main__":
    # From a checkout: the root instead of this folder.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.exit(main())
