# SPDX-License-Identifier: Apache-2.0
"""minimalloc's CSV, in and out; `biotrain plan`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biotrain_tf.cli.main import main
from converters.errors import ConversionError
from converters.planner.minimalloc import NamedProblem, fault, read_csv, write_csv
from converters.planner.problem import Buffer, Problem
from converters.planner.solver import solve

# The example of minimalloc's README, whose best height is 12.
EXAMPLE = """id,lower,upper,size
b1,0,3,4
b2,3,9,4
b3,0,9,4
b4,9,21,4
b5,0,21,4
"""
OLD = EXAMPLE.replace("lower,upper", "start,end").replace(",3,4\n", ",2,4\n")
OLD = OLD.replace(",9,4\n", ",8,4\n").replace(",21,4\n", ",20,4\n")


def named_of(rows: list[tuple[int, int, int, int]]) -> NamedProblem:
    buffers = [Buffer(i, s, f, f + n, 4**a) for i, (s, f, n, a) in enumerate(rows)]
    return NamedProblem(Problem(tuple(buffers)), tuple(f"b{b.id}" for b in buffers))


problems = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 30), st.integers(0, 12), st.integers(0, 2)),
    min_size=1,
    max_size=20,
).map(named_of)


def test_the_example_is_packed_as_low_as_can_be() -> None:
    named = read_csv(EXAMPLE)
    assert named.names == ("b1", "b2", "b3", "b4", "b5")
    # b1 ends where b2 begins: upper is no part of a life.
    assert not named.problem.buffers[0].overlaps_in_time(named.problem.buffers[1])
    solution = solve(named.problem)
    assert solution.height == named.problem.lower_bound() == 12
    assert fault(named, solution.offsets) is None
    text = write_csv(named, solution)
    assert text.splitlines()[0] == "id,lower,upper,size,offset"
    again = read_csv(text)
    assert again.problem == named.problem and again.offsets == solution.offsets


def test_the_older_form_says_the_same() -> None:
    assert read_csv(OLD).problem == read_csv(EXAMPLE).problem


@given(problems)
def test_round_trips_and_alignment(named: NamedProblem) -> None:
    assert read_csv(write_csv(named)) == named
    solution = solve(named.problem)
    assert fault(named, solution.offsets) is None
    assert all(solution.offsets[b.id] % b.alignment == 0 for b in named.problem.buffers)
    assert solution.height >= named.problem.lower_bound()


def test_planted_faults_are_found() -> None:
    named = read_csv(EXAMPLE)
    offsets = dict(solve(named.problem).offsets)
    assert "over one another" in str(fault(named, {**offsets, 2: offsets[4]}))
    skewed = Problem(tuple(replace(b, alignment=4) for b in named.problem.buffers))
    assert "multiple of 4" in str(fault(replace(named, problem=skewed), {**offsets, 0: 13}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1 must name"),
        ("id,lower,size\na,0,4\n", "line 1 must name"),
        ("id,lower,upper,size\n", "found none"),
        ("id,lower,upper,size\na,0,4\n", "line 2: wanted 4 fields, found 3"),
        ("id,lower,upper,size\na,0,x,4\n", "line 2: upper must be a whole number, found 'x'"),
        ("id,lower,upper,size\na,3,3,4\n", "line 2: upper must be above lower"),
        ("id,lower,upper,size\na,0,3,0\n", "line 2: size must be at least 1"),
        ("id,lower,upper,size,gaps\na,0,3,4,1-2\n", "line 2: buffers with gaps"),
    ],
)
def test_bad_files_are_refused(text: str, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        read_csv(text)


def figures(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())


def test_a_model_goes_out_and_comes_in(
    converted: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conversion = converted("eegnet_dropout")
    out = tmp_path / "plan.csv"
    assert main(["plan", str(conversion.model_path), "--csv", str(out)]) == 0
    first = figures(capsys)
    ram = conversion.report["ram_bytes"]
    assert int(first["peak_bytes"]) == ram["activations_and_gradients"]
    bound = int(first["lower_bound_bytes"])
    assert bound + ram["weights_and_optimizer"] == ram["lower_bound"]
    assert main(["plan", str(out)]) == 0
    second = figures(capsys)
    assert second.pop("given_offsets") == "right"
    assert second.pop("given_peak_bytes") == second["peak_bytes"] and second == first
    lines = out.read_text().splitlines()
    assert len(lines) == int(first["buffers"]) + 1 > 20
    planted = [lines[0], *(line.rsplit(",", 1)[0] + ",0" for line in lines[1:])]
    out.write_text("\n".join(planted) + "\n")
    assert main(["plan", str(out)]) == 1
    assert "over one another" in figures(capsys)["given_offsets"]


def test_what_is_no_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(tmp_path / "nothing.csv")]) == 2
    assert "found no" in capsys.readouterr().err
