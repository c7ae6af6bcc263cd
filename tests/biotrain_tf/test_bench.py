# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: floors, fits, what is counted, and a check that must be able to fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.bench.bench_models import BenchModel
from biotrain_tf.bench.contenders import HostRunner, OnnxRuntime
from biotrain_tf.bench.fit import fit
from biotrain_tf.bench.flame import boxes, write_flame
from biotrain_tf.bench.floor import HELIUM, Product, floor
from biotrain_tf.bench.host import contenders_of
from biotrain_tf.bench.kernel_cases import kernel_cases
from biotrain_tf.bench.step import OpCost, StepCost
from biotrain_tf.bench.torch_eegnet import torch_eegnet
from biotrain_tf.cli.main import main
from biotrain_tf.device.counting import Executed, read_intervals, weights_of
from biotrain_tf.device.model import ModelInfo, TensorInfo
from biotrain_tf.models.eegnet import eegnet
from converters.emit.op_features import OpFeatures

MANY = 10**9


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        # 15 outputs under one tap and one new input a term.
        (Product(8, 1000, MANY, sliding=True), 1 + 2 / 15),
        # 5 x 5 outputs want 10 operands a term.
        (Product(100, 100, MANY), 1.4),
        # Two filters share an input: 2 x 14 outputs.
        (Product(2, 1000, MANY), 1 + 16 / 28),
        # A dense layer of four outputs, one sample.
        (Product(1, 4, MANY), 2.25),
    ],
)
def test_floors_by_hand(product: Product, expected: float) -> None:
    assert floor(product) == pytest.approx(expected, abs=1e-6)


def test_every_output_is_stored_once() -> None:
    assert floor(Product(5, 5, 50)) - floor(Product(5, 5, MANY)) == pytest.approx(0.02, abs=1e-6)


def test_four_lanes_make_a_lower_floor() -> None:
    product = Product(8, 1000, 64, sliding=True)
    assert 0.25 < floor(product, HELIUM) < 0.5 < floor(product)


def test_cases_are_told_apart_and_complete() -> None:
    cases = kernel_cases()
    keys = {(case.kernel, case.direction, case.shape) for case in cases}
    assert len(keys) == len(cases) >= 60
    assert {len(case.request()) for case in cases} == {96}
    with_products = [case for case in cases if case.macs]
    assert len(with_products) >= 50
    assert all(case.product is not None and case.outputs > 0 for case in with_products)
    temporal = next(case for case in cases if case.kernel == "temporal conv 1x64")
    assert temporal.macs == 22 * 1000 * 8 * 64


def test_fit_finds_what_made_the_data() -> None:
    generator = np.random.default_rng(0)
    terms = generator.integers(1, 10000, (40, 3)).astype(np.float64)
    expected = np.array([1.25, 0.0, 40.0])
    found = fit(terms, terms @ expected)
    assert np.abs(found - expected).max() < 1e-3 and found.min() >= 0
    # What would have to be negative is left out.
    assert fit(terms[:, :1], -terms[:, 0])[0] == 0


ARM = """
00000100 <f>:
     100:	ecb0 8a02 	vldmia	r0!, {s16-s17}
     102:	edd0 7a00 	vldr	s15, [r0]
     106:	ed90 7b00 	vldr	d7, [r0]
     10a:	eee7 7a27 	vfma.f32	s15, s14, s15
     10e:	bd70      	pop	{r4, r5, r6, pc}
     110:	6803      	ldr	r3, [r0, #0]
     112:	6003      	str	r3, [r0, #0]
     114:	ed90 7f00 	vldrw.32	q3, [r0]
     118:	ef06 0c58 	vfma.f32	q0, q3, r4
     11c:	e8d0 2300 	ldrd	r2, r3, [r0]
     120:	bf00      	nop
     122:	e9d0 2300 	ldr.w	r3, [r0], #4
     126:	db01      	blt.n	12c <f+0x2c>
"""
RISCV = """
80000000:	flw	fa5,0(a0)
80000004:	fmadd.s	fa5,fa4,fa3,fa5
80000008:	lw	a5,0(a0)
8000000a:	fnmsub.s	fa5,fa4,fa3,fa5
8000000e:	fsw	fa5,0(a0)
80000010:	fmul.s	fa5,fa4,fa3
80000012:	li	a0,1
"""


def test_loads_and_multiply_adds_of_a_disassembly() -> None:
    arm = {a: (loads, fmas) for a, loads, fmas in weights_of(_without_bytes(ARM))}
    assert arm == {
        0x100: (2, 0),
        0x102: (1, 0),
        0x106: (2, 0),
        0x10A: (0, 1),
        0x10E: (4, 0),
        0x110: (1, 0),
        0x114: (4, 0),
        0x118: (0, 4),
        0x11C: (2, 0),
        0x122: (1, 0),
    }
    riscv = {a & 0xFF: (loads, fmas) for a, loads, fmas in weights_of(RISCV)}
    assert riscv == {0x00: (1, 0), 0x04: (0, 1), 0x08: (1, 0), 0x0A: (0, 1)}


def _without_bytes(text: str) -> str:
    """As `objdump --no-show-raw-insn` prints it."""
    lines = (line.split("\t") for line in text.splitlines())
    return "\n".join("\t".join([parts[0], *parts[2:]]) for parts in lines)


def test_intervals_of_the_plugin() -> None:
    events = [("mark", 100), ("op", 110), ("op", 150), ("mark", 155), ("mark", 300), ("mark", 310)]
    text = "".join(f"{name} instructions={n} loads={n // 2} fmas=0\n" for name, n in events)
    first, second = read_intervals(text + "total instructions=400 loads=200 fmas=0\n")
    assert first.total == Executed(55, 27, 0) and first.before == Executed(10, 5, 0)
    assert [op.instructions for op in first.ops] == [40, 5]
    assert second.total.instructions == second.before.instructions == 10 and second.ops == ()


def cost(*instructions: float, whole: float) -> StepCost:
    tensor = TensorInfo((1, 4), np.dtype("<f4"))
    info = ModelInfo(Path("m.tflite"), b"", 64, tensor, tensor, tensor, tensor)
    kinds = ("BiotrainConv2D", "ELU", "BiotrainConv2D", "(checks of the input)")
    ops = tuple(
        OpCost("train", i, OpFeatures(kinds[i % 4], f"shape {i}"), n, 0.0, 0.0)
        for i, n in enumerate(instructions)
    )
    return StepCost(BenchModel("m", "batch size 1", info, 1000), "cortex-m7", ops, whole)


def test_a_step_that_does_not_add_up_is_noticed() -> None:
    whole = cost(600, 250, 140, 10, whole=1000)
    assert whole.adds_up and whole.difference == 0
    lost = replace(whole, ops=whole.ops[:2] + whole.ops[3:])
    assert not lost.adds_up and lost.difference == pytest.approx(0.14)
    nothing = replace(whole, whole=float("nan"))
    assert not nothing.adds_up


def test_the_list_has_the_keys_that_were_asked_for() -> None:
    row = cost(600, 250, 140, 10, whole=1000).to_json()
    wanted = {"model", "plan", "shape", "target", "instructions", "macs", "instructions_per_mac"}
    assert wanted <= set(row) and row["instructions_per_mac"] == 1.0
    assert sum(op["instructions"] for op in row["ops"]) == row["instructions"] == 1000


def test_flame_boxes_rest_on_each_other(tmp_path: Path) -> None:
    step = cost(600, 250, 140, 10, whole=1000)
    found = boxes(step)
    for level in range(3):
        row = sorted((b for b in found if b.level == level), key=lambda b: b.start)
        assert sum(b.width for b in row) == pytest.approx(1000)
        ends = [b.start + b.width for b in row]
        assert [b.start for b in row[1:]] == pytest.approx(ends[:-1])
    # The widest kind comes first.
    assert next(b.label for b in found if b.level == 1) == "Conv2D"
    for name in ("flame.svg", "flame.png"):
        write_flame(step, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["step", "--model", "nothing"], "model: wanted eegnet, mi_bminet, epidenet"),
        (["step", "--steps", "0"], "steps: wanted at least 1; found 0"),
        (["kernels", "--only", "xyz"], "kernel: wanted a part of one of temporal conv 1x64"),
        (["host", "--rounds", "0"], "rounds: wanted at least 1; found 0"),
    ],
)
def test_mistakes_end_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"biotrain bench {arguments[0]}: {message}")


@pytest.mark.parametrize("limit", [None, 0.25])
def test_every_framework_trains_the_same_model(limit: float | None, tmp_path: Path) -> None:
    """Without dropout, whose masks nobody shares; with and without limits on norms."""
    model = eegnet(4, 3, 240, drop_prob=0.0, conv_spatial_max_norm=limit, norm_rate=limit)
    contenders, missing = contenders_of(model, 2, tmp_path)
    losses = {}
    try:
        for contender in contenders:
            taken = [(contender.step(), contender.loss) for _ in range(5)]
            losses[contender.name] = np.array([loss for _, loss in taken])
            assert all(seconds > 0 for seconds, _ in taken)
    finally:
        for contender in contenders:
            contender.close()
    ours = losses[HostRunner.name]
    # Momentum shows from the third loss on, limits from the second.
    alike = {OnnxRuntime.name: 2 if limit is None else 1}
    apart = {
        name: float(np.abs(found - ours)[: alike.get(name, len(ours))].max())
        for name, found in losses.items()
    }
    print(f"compared={len(losses)}x{len(ours)} losses={ours} apart={apart} not there: {missing}")
    assert len(losses) >= 4 and np.isfinite(ours).all() and np.abs(np.diff(ours)).min() > 1e-3
    assert not [name for name, far in apart.items() if not (far <= 1e-4)]


def test_onnxruntime_takes_dropout(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime.training.api")
    x = np.random.default_rng(0).standard_normal((2, 4, 240, 1)).astype(np.float32)
    contender = OnnxRuntime(eegnet(4, 3, 240), x, np.array([0, 1]), tmp_path)
    losses = [(contender.step(), contender.loss)[1] for _ in range(4)]
    print(f"losses={losses}")
    assert np.isfinite(losses).all() and np.abs(np.diff(losses)).min() > 1e-4


def test_torch_is_asked_for_only_when_used() -> None:
    assert callable(torch_eegnet)
