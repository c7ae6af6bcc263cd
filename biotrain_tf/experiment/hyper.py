# SPDX-License-Identifier: Apache-2.0
"""hyper.json: rates and epochs, written before anybody is tested, not changed afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment import store
from biotrain_tf.experiment.lab import Lab
from biotrain_tf.experiment.tasks import Choose, Run
from biotrain_tf.experiment.variants import Variant

BEST = "best efficient"
"""The key of a fold's parameter-efficient strategy that did best on pre-training people."""


def path_of(lab: Lab) -> Path:
    return lab.folder / "hyper.json"


def choices(lab: Lab) -> list[Choose]:
    return [
        Choose(lab=lab, fold=fold, variant=variant)
        for fold in lab.folds()
        for variant in lab.scope.variants
        if variant.trains
    ]


def fix(lab: Lab) -> str:
    """Write the file from what was chosen, or hold what is there against it; its SHA-256."""
    path = path_of(lab)
    content = _content(lab)
    if not path.exists():
        if any((lab.folder / "runs").glob("*.json")):
            raise BiotrainError(
                f"{path}: gone, but there are results that were made with it; put it back, or "
                f"remove {lab.folder}"
            )
        store.write_json(path, content)
    elif store.read_json(path) != content:
        raise BiotrainError(
            f"{path}: was changed after it was written; hyper-parameters are fixed before anybody "
            f"is tested: put the old one back, or remove {lab.folder} to choose anew"
        )
    return store.file_digest(path)


def _content(lab: Lab) -> dict[str, Any]:
    folds: dict[str, Any] = {}
    for fold in lab.folds():
        chosen = {
            variant.label: store.read_json(Choose(lab=lab, fold=fold, variant=variant).path)
            for variant in lab.scope.variants
            if variant.trains
        }
        folds[str(fold.number)] = {
            "tested": list(fold.tested),
            "chosen on": list(fold.validation) or "earlier sessions of the same person",
            "by a network pre-trained on": list(fold.inner),
            "variants": chosen,
            BEST: _best_efficient(lab.scope.variants, chosen),
        }
    return {"data": lab.plan.name, "scenario": lab.scenario, "folds": folds}


def _best_efficient(variants: tuple[Variant, ...], chosen: dict[str, Any]) -> str | None:
    rivals = [v.label for v in variants if v.is_efficient]
    if not rivals:
        return None
    return max(rivals, key=lambda label: -1.0 if (s := chosen[label]["score"]) is None else s)


def runs(lab: Lab, sha256: str) -> list[Run]:
    """Everybody who is tested, with what the file says."""
    content = store.read_json(path_of(lab))["folds"]
    tested = lab.tested()
    found = []
    for fold in lab.folds():
        chosen = content[str(fold.number)]["variants"]
        for subject in (name for name in fold.tested if name in tested):
            for variant in lab.scope.variants:
                fixed = chosen.get(variant.label, {"learning_rate": 0.0, "epochs": 0})
                found += [
                    Run(
                        lab=lab,
                        fold=fold,
                        subject=subject,
                        variant=variant,
                        seed=seed,
                        learning_rate=fixed["learning_rate"],
                        epochs=fixed["epochs"],
                        hyper_sha256=sha256,
                    )
                    for seed in lab.scope.seeds
                ]
    return found


def results(lab: Lab, sha256: str) -> list[dict[str, Any]]:
    """What the runs wrote; refuses those that were made with another file."""
    found = [store.read_json(run.path) for run in runs(lab, sha256)]
    others = [r for r in found if r["hyper_sha256"] != sha256]
    if others:
        raise BiotrainError(
            f"{path_of(lab)}: {len(others)} of {len(found)} results were made with another one; "
            f"remove {lab.folder / 'runs'} to make them anew"
        )
    return found
