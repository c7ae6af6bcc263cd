# SPDX-License-Identifier: Apache-2.0
"""Ten thousand damaged flatbuffers: each ends in a status or a completed step, none in a crash."""

from __future__ import annotations

import subprocess
from pathlib import Path

from biotrain_tf.device import build
from converters import convert
from converters.targets import TARGETS
from tests.models import eegnet

MUTATIONS = 10_000
SEED = 1


def test_mutated_models(tmp_path: Path) -> None:
    conversion = convert(eegnet(4, 128, drop=0.25), output_dir=tmp_path, batch_size=2)
    host = TARGETS["host"]
    build.make(host, "fuzz", sanitizer="memory")
    fuzz = build.build_folder(host, sanitizer="memory") / "fuzz"
    command = [str(fuzz), str(conversion.model_path), "--mutations", str(MUTATIONS)]
    done = subprocess.run(
        [*command, "--seed", str(SEED)], capture_output=True, text=True, check=False, timeout=900
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    figures = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert int(figures["mutations"]) == MUTATIONS
    assert int(figures["structural"]) >= MUTATIONS // 3
    assert int(figures["too_slow"]) == 0
    assert int(figures["changed_by_refusal"]) == 0
    outcomes = {k: int(v) for k, v in figures.items() if k.startswith("outcome_")}
    assert sum(outcomes.values()) == MUTATIONS
    assert int(figures["completed"]) > 0 and len(outcomes) > 3
