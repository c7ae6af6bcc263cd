# SPDX-License-Identifier: Apache-2.0
"""Which room may use which. A room is named by its folder or file; it may always use itself.

A rule stands for everything under the name unless a longer name has a rule of its own.
"""

from __future__ import annotations

# Python: room -> what it may import from this project.
PYTHON: dict[str, set[str]] = {
    # The converter knows nothing of the façade. Only the command knows every room.
    "converters": set(),
    "converters.errors": set(),
    "converters.graph": {"converters.errors", "converters.sharing_builder"},
    "converters.sharing_builder": set(),
    "converters.targets": {"converters.errors"},
    "converters.loading": {"converters.errors"},
    # Beyond graph and targets: layers of the step bring gradients of their own (dropout, norms).
    "converters.step": {"converters.errors", "converters.gradients"},
    "converters.gradients": {"converters.errors", "converters.graph", "converters.targets"},
    "converters.passes": {"converters.errors", "converters.graph", "converters.targets"},
    # It composes passes into schedules, and measures them with the planner.
    "converters.search": {
        "converters.errors",
        "converters.graph",
        "converters.passes",
        "converters.planner",
        "converters.targets",
    },
    "converters.planner": {"converters.errors", "converters.graph", "converters.targets"},
    # Beyond graph and targets: the plan is what the report draws, and it is data.
    "converters.emit": {
        "converters.errors",
        "converters.graph",
        "converters.planner.plan",
        "converters.targets",
    },
    "converters.gap9": {"converters.errors", "converters.graph", "converters.targets"},
    # Run as a command it is a thin face of `biotrain convert`.
    "converters.convert_trainable": {"biotrain_tf.cli.main", "converters"},
    # The façade.
    "biotrain_tf": {"biotrain_tf.errors", "biotrain_tf.estimator", "converters"},
    "biotrain_tf.errors": set(),
    # It trains as the experiment does: on the runner.
    "biotrain_tf.estimator": {
        "biotrain_tf.device",
        "biotrain_tf.errors",
        "biotrain_tf.experiment.flatbuffers",
        "biotrain_tf.experiment.runner",
        "biotrain_tf.models",
        "converters",
    },
    "biotrain_tf.models": {"biotrain_tf.errors"},
    "biotrain_tf.data": {"biotrain_tf.errors"},
    "biotrain_tf.device": {
        "biotrain_tf.errors",
        "converters.emit.op_table",
        "converters.errors",
        "converters.graph",
        "converters.targets",
        "tflm_train",
    },
    "biotrain_tf.report": {"biotrain_tf.errors"},
    "biotrain_tf.cli": {"biotrain_tf", "converters"},
    "biotrain_tf.bench": {"biotrain_tf", "converters"},
    "biotrain_tf.demo": {"biotrain_tf", "converters"},
    # It composes them; the progress bars are the demo's.
    "biotrain_tf.experiment": {
        "biotrain_tf.data",
        "biotrain_tf.demo.progress",
        "biotrain_tf.device",
        "biotrain_tf.errors",
        "biotrain_tf.models",
        "biotrain_tf.report",
        "converters",
    },
    "tflm_train": set(),
    "scripts": {"biotrain_tf", "converters", "scripts"},
    "examples": {"biotrain_tf", "converters"},
    # References are worth something only if they share no code with what they judge.
    "tests.oracle": set(),
    "tests": {"biotrain_tf", "converters", "scripts", "tests", "tflm_train"},
}

# C++: folder -> folders whose headers it may include. Tests (*_test.cc) may also include testing/.
CPP: dict[str, set[str]] = {
    "tflm_train/kernels": set(),
    "tflm_train/signal": {"tflm_train/kernels"},
    "tflm_train/testing": {"tflm_train/kernels"},
    "tflm_train/micro": {"tflm_train/kernels"},
    # A program of the host.
    "tflm_train/micro/fuzz": {"tflm_train/kernels", "tflm_train/micro", "tflm_train/ports"},
    # A port is a machine; what runs on it is none of its business.
    "tflm_train/ports": set(),
    # It wraps the ops of the runner; the cores and their memory are the port's.
    "tflm_train/cluster": {"tflm_train/micro", "tflm_train/ports/gap9"},
    "tflm_train/app": {"tflm_train/micro", "tflm_train/ports"},
    # Where there is no flash, a file of the host or the emulator stands in.
    "tflm_train/store": {"tflm_train/micro", "tflm_train/ports"},
    "tflm_train/adapt": {"tflm_train/micro", "tflm_train/store"},
    # A program of the host.
    "tflm_train/adapt/host": {
        "tflm_train/adapt",
        "tflm_train/app",
        "tflm_train/micro",
        "tflm_train/ports",
        "tflm_train/store",
    },
    # Inside upstream TFLM, whose tree is the user's. Its test is a program of a port.
    "tflm_train/tflm": {"tensorflow", "tflm_train/micro", "tflm_train/ports"},
    "tflm_train/bench": {"tflm_train/kernels", "tflm_train/ports"},
    "tflm_train/bench/host": {"tflm_train/micro", "tflm_train/ports"},
    # In a package it lies beside its own headers and those of the model.
    "examples/packaged": {"example.h", "model_data.h", "tflm_train/store"},
    "examples": {
        "tflm_train/app",
        "tflm_train/micro",
        "tflm_train/ports",
        "tflm_train/store",
    },
}


def room_of(name: str, rooms: dict[str, set[str]], separator: str) -> str | None:
    """The longest room that `name` is in."""
    parts = name.split(separator)
    for end in range(len(parts), 0, -1):
        if (room := separator.join(parts[:end])) in rooms:
            return room
    return None


def is_in(name: str, room: str, separator: str) -> bool:
    return name == room or name.startswith(room + separator)
