# SPDX-License-Identifier: Apache-2.0
"""What pages are made of: a document of its own, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

_STYLE = Path(__file__).with_name("page.css")


def document(title: str, body: str) -> str:
    """One page with its style inside."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE.read_text()}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )


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
