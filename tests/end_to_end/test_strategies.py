# SPDX-License-Identifier: Apache-2.0
"""Every strategy moves its variables as Keras does, and no other by a bit; what does not move has
no gradient and no state.
"""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from converters import convert
from converters import graph as graphs
from tests.compare import assert_all_close, assert_close, unmoved
from tests.end_to_end.host_run import train_on
from tests.end_to_end.strategy_network import BATCH, batches, network
from tests.oracle import keras_optimizers

STEPS, RATE = 4, 0.1
MOVING = ("moving_mean", "moving_variance")


def layer_variables(*layers: str) -> set[str]:
    return {v.path for v in network().trainable_variables if v.path.split("/")[0] in layers}


def variables_named(*names: str) -> set[str]:
    return {v.path for v in network().trainable_variables if v.name in names}


CASES = {
    "none": set(),
    "last-layer": layer_variables("scores"),
    "last-3": layer_variables("scores", "point", "norm_b"),
    "layers:time,norm_b": layer_variables("time", "norm_b"),
    "norm": layer_variables("norm_a", "norm_b"),
    "bias": variables_named("bias", "beta"),
}


@pytest.mark.parametrize("strategy", CASES)
def test_moves_what_keras_moves(strategy: str, tmp_path: Path) -> None:
    model, moving = network(), CASES[strategy]
    x, y = batches(model, STEPS)
    optimizer = keras.optimizers.SGD(RATE, momentum=0.9)
    expected = keras_optimizers.train(model, x, y, optimizer=optimizer, moving=moving)

    conversion = convert(
        model, strategy=strategy, batch_size=BATCH, learning_rate=RATE, output_dir=tmp_path
    )
    ours = train_on("host", conversion, x, y, tmp_path)

    assert_close(ours.losses, expected.losses, "loss", what=f"{strategy}: loss")
    states = {n for n in ours.variables if n.endswith("/momentum")}
    assert states == {f"{n}/momentum" for n in moving}, "what does not move has a state"
    found = {n: v for n, v in ours.variables.items() if n in expected.after}
    assert_all_close(found, expected.after, "weights", what=strategy)
    still = unmoved(expected.before, expected.after, "weights")
    assert not still & moving, f"{strategy}: training hardly moved {sorted(still & moving)}"
    live = {n.split("/")[0] for n in moving}
    for name, value in found.items():
        layer, kind = name.split("/")
        if name not in moving and not (kind in MOVING and layer in live):
            assert_close(value, expected.before[name], "exact", what=f"{strategy}: frozen {name}")


def test_what_does_not_move_has_no_gradient(tmp_path: Path) -> None:
    """By the ops of the training step: filters of ``bias`` and all of ``none``."""
    model = network()
    for strategy, filters, any_gradient in (
        ("full", 3, True),
        ("bias", 0, True),
        ("none", 0, False),
    ):
        conversion = convert(model, strategy=strategy, commute=False, output_dir=tmp_path)
        graph = graphs.read(conversion.model_path.read_bytes())
        kinds = [op.kind for op in graph.subgraph_of("train").ops]
        assert sum(k.endswith("GradFilter") for k in kinds) == filters, f"{strategy}: {kinds}"
        assert any("Grad" in k for k in kinds) == any_gradient, f"{strategy}: {kinds}"


def test_flags_of_single_variables_reach_the_step(tmp_path: Path) -> None:
    model = network()
    model.get_layer("point").kernel.trainable = False
    conversion = convert(model, output_dir=tmp_path)
    assert "point/kernel/momentum" not in conversion.report["variables"]
    assert "point/bias/momentum" in conversion.report["variables"]


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ("last-0", "strategy must be one of none, last-layer"),
        ("sparse:0", "got 'sparse:0'"),
        ("layers:time,spice", "found 'spice'"),
    ],
)
def test_wrong_names_are_refused(strategy: str, words: str, tmp_path: Path) -> None:
    from converters.errors import ConversionError

    with pytest.raises(ConversionError, match=words):
        convert(network(), strategy=strategy, output_dir=tmp_path)
