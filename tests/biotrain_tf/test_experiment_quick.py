# SPDX-License-Identifier: Apache-2.0
"""`biotrain experiment all --quick`: every data set, network, strategy and page, as little of each
as there can be.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from biotrain_tf.cli.main import main
from biotrain_tf.data.sets import NAMES
from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment.people import load_people
from biotrain_tf.experiment.plans import PLANS
from biotrain_tf.experiment.settings import Scope
from tests.biotrain_tf.experiment_people import write_emg


def test_quick_runs_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The longest test of the fast ones: three minutes of two idle cores."""
    for plan in PLANS.values():
        try:
            load_people(plan, None)
        except BiotrainError as missing:
            pytest.skip(str(missing))
    page = tmp_path / "results.md"
    arguments = ["experiment", "all", "--quick", "--output-dir", str(tmp_path)]
    assert main([*arguments, "--page", str(page)]) == 0
    text = page.read_text()
    sections = text.split("\n## ")[1:]
    assert len(sections) == sum(len(plan.scenarios) for plan in PLANS.values())
    assert {section.split(",", 1)[0] for section in sections} == set(NAMES)
    on_device = [s for s in sections if "outputs, losses and weights are the host's" in s]
    assert len(on_device) == len(NAMES) and "Not run here" not in text
    assert f"in {len(NAMES)} of {len(NAMES)} sets its predictions" in text
    assert "full, keep: " in capsys.readouterr().out
    for section in sections:
        scores = [line.split("|")[2] for line in section.splitlines() if " ± " in line]
        # And the network of group norms as it comes, and the best efficient strategy.
        assert len(scores) == len(Scope.quick().variants) + 2, section
    reports = list(tmp_path.glob("*/report.html"))
    assert len(reports) == len(sections)
    assert all("full, frozen" in report.read_text() for report in reports)


def test_a_person_of_made_up_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_emg(tmp_path / "data", ("S01", "S02", "S03"))
    arguments = ["experiment", "day1", "--data", "emg_myo_25subj", "--quick", "--no-device"]
    arguments += ["--data-dir", str(data), "--output-dir", str(tmp_path), "--jobs", "1"]
    arguments += ["--variants", "none;last-layer"]
    assert main(arguments) == 0
    (table,) = tmp_path.glob("emg_myo_25subj-day1-*/results.csv")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert {(r["variant"], r["at"]) for r in rows} == {
        ("none", "0"), ("none", "32"), ("last-layer", "0"), ("last-layer", "32")
    }  # fmt: skip
    assert all(0 <= float(r["score"]) <= 1 for r in rows)
    before = table.stat().st_mtime_ns, capsys.readouterr().out
    assert main(arguments) == 0
    assert "testing" in before[1] and "testing" not in capsys.readouterr().out
    assert (table.parent / "report.html").read_text().count("<svg") == 2


@pytest.mark.slow
def test_a_cluster_of_two_processes_finds_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of an experiment through --dask, Keras and the converter in the workers: the same
    results.csv as here, byte for byte. By itself: pytest -m slow -k cluster_of_two.
    """
    distributed = pytest.importorskip(
        "distributed", reason="needs distributed: pip install -r requirements-test.txt"
    )
    data = write_emg(tmp_path / "data", ("S01", "S02", "S03"))
    arguments = ["experiment", "day1", "--data", "emg_myo_25subj", "--quick", "--no-device"]
    arguments += ["--data-dir", str(data), "--variants", "none;last-layer;full, frozen;full, group"]
    arguments += ["--learning-rates", "0.005,0.02", "--test-people", "2"]

    def table(folder: Path, *more: str) -> bytes:
        assert main([*arguments, "--output-dir", str(folder), *more]) == 0
        (found,) = folder.glob("emg_myo_25subj-day1-*/results.csv")
        return found.read_bytes()

    here = table(tmp_path / "here", "--jobs", "1")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as local:
        there = table(tmp_path / "there", "--dask", local.scheduler_address)
        with distributed.Client(local) as client:
            worked = client.run(lambda: "tensorflow" in sys.modules)
    assert list(worked.values()) == [True, True], worked
    assert here.count(b"\n") == 1 + 2 * 4 * 2
    assert here == there


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["day1"], "data: wanted one of"),
        (["day1", "--data", "nothing"], "found 'nothing'"),
        (["day1", "--data", "eeg_mi_days"], "wanted one of longitudinal; found 'day1'"),
        (["all", "--variants", "half"], "variants: wanted some of"),
        (["all", "--epochs", "2,x"], "epochs: wanted numbers above 0"),
        (["all", "--seeds", "0"], "seeds: wanted at least 1"),
        (["day1", "--data", "eeg_ssvep_mamem", "--page", "p.md"], "page: wanted with all only"),
        (["all", "--jobs", "0"], "jobs: wanted 1 or more"),
    ],
)
def test_what_a_user_may_mistype(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["experiment", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
