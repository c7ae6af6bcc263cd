# SPDX-License-Identifier: Apache-2.0
"""report.html: one self-contained page made from report.json's content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from biotrain_tf.report import plots
from biotrain_tf.report.text import UNKNOWN, count, kib, percent, tiny, titles

_STYLE = Path(__file__).with_name("page.css")
Report = Mapping[str, Any]


def page(report: Report) -> str:
    data = report["data"]
    title = f"On-device fine-tuning for {data['person']}"
    sections = (_head, _figures, _losses, _runtimes, _weights, _memory, _flash, _how, _files)
    body = "\n".join(section(report) for section in sections)
    return document(title, body)


def document(title: str, body: str) -> str:
    """A whole page with the style of the room."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE.read_text()}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )


def _head(report: Report) -> str:
    data = report["data"]
    notice = f'<div class="notice">{escape(report["notice"])}</div>' if report["notice"] else ""
    ran = sum(runtime["status"] == "ran" for runtime in report["runtimes"])
    if report["passed"]:
        verdict = (
            f'<div class="verdict good"><strong>Everything agrees.</strong> {ran} runtimes made '
            f"the same {report['settings']['steps']} steps, every loss within "
            f"{tiny(report['loss_tolerance'])} of Keras's.{_not_run(report)}</div>"
        )
    else:
        problems = "".join(f"<li>{escape(problem)}</li>" for problem in report["problems"])
        verdict = (
            '<div class="verdict bad"><strong>Not as it should be.</strong>'
            f"<ul>{problems}</ul>{_not_run(report)}</div>"
        )
    return (
        f"{notice}<h1>On-device fine-tuning for {escape(data['person'])}</h1>"
        f'<p class="dim">{escape(data["title"])}: {escape(" against ".join(data["labels"]))}. '
        f"EEGNet was pre-trained on {escape(', '.join(data['pretrained_on']))}, converted to a "
        "trainable TFLite flatbuffer, and then fine-tuned by each runtime for a person it had "
        f"never seen.</p>{verdict}"
    )


def _not_run(report: Report) -> str:
    names = [titles(r["name"]) for r in report["runtimes"] if r["status"] == "not run"]
    return f" Not run: {escape(', '.join(names))}." if names else ""


def _figures(report: Report) -> str:
    accuracy, fall, data = report["accuracy"], report["loss_fall"], report["data"]
    where = titles(accuracy["measured_on"])
    figures = [
        (
            f"{percent(accuracy['before']).removesuffix(' %')} → {percent(accuracy['after'])}",
            f"accuracy of {data['person']} before and after ({where}); {data['test_trials']} later "
            f"trials of {percent(1 / data['test_trials'])} each, the larger class has "
            f"{percent(data['majority_share'])}",
        ),
        (
            f"{-100 * fall['fraction']:+.0f} %",
            f"loss: {fall['first']:.3f} to {fall['last']:.3f}, means of the first and last "
            f"{fall['window']} steps",
        ),
    ]
    by_name = {runtime["name"]: runtime for runtime in report["runtimes"]}
    for name in ("cortex-m7", "riscv32"):
        runtime = by_name.get(name)
        if runtime and runtime["instructions_per_step"] is not None:
            per_mac = runtime["instructions_per_step"] / runtime["textbook_macs_per_step"]
            figures.append(
                (
                    f"{runtime['instructions_per_step'] / 1e6:.1f} M",
                    f"instructions per training step, {titles(name)} "
                    f"({per_mac:.2f} per textbook MAC)",
                )
            )
    if report["model"]["ram_bytes"]:
        figures.append((kib(report["model"]["ram_bytes"]["arena"]), "arena of one training step"))
    boxes = "".join(f"<div><b>{escape(b)}</b><span>{escape(s)}</span></div>" for b, s in figures)
    return f'<div class="figures">{boxes}</div>'


def _losses(report: Report) -> str:
    svg = plots.loss_curves(report["runtimes"], tolerance=report["loss_tolerance"])
    return (
        "<h2>Loss, all runtimes over one another</h2>"
        "<p>Each runtime marks steps of its own, so that curves which coincide can be told apart. "
        "Below: how far each is from Keras at every step (differences under 3e-8 are drawn there)."
        f"</p>{svg}"
    )


def _runtimes(report: Report) -> str:
    rows = []
    for runtime in report["runtimes"]:
        name = escape(titles(runtime["name"]))
        if runtime["status"] != "ran":
            reason = escape(f"{runtime['status']}: {runtime['reason']}")
            rows.append(f'<tr><td>{name}</td><td class="wrap" colspan="8">{reason}</td></tr>')
            continue
        difference = runtime["max_loss_difference"]
        shown = "reference" if runtime["name"] == "keras" else tiny(difference)
        rows.append(
            row(
                titles(runtime["name"]),
                f"{runtime['loss'][-1]:.6f}",
                shown,
                str(runtime["losses_compared"]) if runtime["name"] != "keras" else "",
                "" if runtime["name"] == "keras" else tiny(runtime["max_weight_difference"]),
                percent(runtime["accuracy_before"]),
                percent(runtime["accuracy_after"]),
                count(runtime["instructions_per_step"]),
                f"{runtime['wall_s']:.1f} s",
            )
        )
    return "<h2>Runtimes</h2>" + table(
        (
            "runtime",
            "last loss",
            "largest difference to Keras",
            "losses compared",
            "weights: largest difference",
            "accuracy before",
            "after",
            "instructions per step",
            "took",
        ),
        rows,
    )


def _weights(report: Report) -> str:
    rows = [
        f"<tr><td>{escape(titles(r['name']))}</td>"
        f"<td><code>{escape(r['weights_sha256'])}</code></td></tr>"
        for r in report["runtimes"]
        if r["weights_sha256"]
    ]
    text = f"<h2>Final weights</h2><p>{escape(report['weights']['in_words'])}</p>"
    return text + (
        table(("target", "SHA-256 of every saved variable"), rows, kind="pairs") if rows else ""
    )


def _memory(report: Report) -> str:
    rows = report["memory_map"]
    if not rows:
        return (
            "<h2>Memory map</h2><p>Not available: the model was not converted for our runner.</p>"
        )
    arena = report["model"]["ram_bytes"]["arena"]
    return (
        "<h2>Memory map of one training step</h2>"
        f"<p>{len(rows)} tensors share {kib(arena)}, planned before anything is flashed. A "
        "rectangle is a tensor: from left to right the operators during which it lives, from "
        "bottom to top its place in the arena. In-place operators pass one place on.</p>"
        + plots.memory_map(rows, arena_bytes=arena)
    )


def _flash(report: Report) -> str:
    rows = []
    for runtime in report["runtimes"]:
        ram = runtime["ram_bytes"]
        if ram:
            parts = (kib(ram.get(part)) for part in ("static", "stack", "arena", "total"))
            rows.append(row(titles(runtime["name"]), *parts, kib(runtime["flash_bytes"])))
    model = report["model"]
    text = "<h2>RAM and flash</h2>"
    if rows:
        text += table(("target", "static", "stack", "arena", "RAM, all", "flash, all"), rows)
    if model["ram_bytes"]:
        ram = model["ram_bytes"]
        text += (
            f"<p>Of the arena, {kib(ram['weights_and_optimizer'])} are weights and optimiser state "
            f"and {kib(ram['activations_and_gradients'])} activations and gradients. The "
            f"flatbuffer has {kib(model['flatbuffer_bytes'])}. "
            f"{count(model['trained_parameters'])} of {count(model['parameters'])} parameters "
            f"train; a step is {count(model['textbook_macs_per_step'])} textbook "
            "multiply-accumulates.</p>"
        )
    return text


def _how(report: Report) -> str:
    data, settings = report["data"], report["settings"]
    scaling = data["scaling"]
    text = (
        f"<h2>How</h2><p>{data['n_chans']} electrodes, {data['n_times']} samples at "
        f"{data['sfreq']:g} Hz. Signals are re-referenced to the "
        f"{escape(scaling['rereference'])}, and multiplied by "
        f"{scaling['factor_per_uV']:.4f} per µV, a number estimated on "
        f"{escape(', '.join(scaling['estimated_on']))} only. The last session of "
        f"{escape(data['person'])} tests; all earlier ones, {data['calibration_trials']} trials, "
        "calibrate in the order recorded.</p>"
    )
    pairs = {**settings, **report["versions"], "took": f"{report['wall_s']:.0f} s"}
    rows = [row(key.replace("_", " "), _plain(value)) for key, value in pairs.items()]
    return text + table(("setting", "value"), rows, kind="pairs")


def _files(report: Report) -> str:
    rows = [
        f"<tr><td>{escape(name)}</td><td><code>{escape(path)}</code></td></tr>"
        for name, path in report["artefacts"].items()
    ]
    return "<h2>Files</h2>" + table(("what", "where"), rows, kind="pairs")


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return UNKNOWN if value is None else str(value)


def row(first: str, *rest: str) -> str:
    return (
        f"<tr><td>{escape(first)}</td>" + "".join(f"<td>{escape(c)}</td>" for c in rest) + "</tr>"
    )


def table(headings: Sequence[str], rows: Iterable[str], *, kind: str = "numbers") -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
