# SPDX-License-Identifier: Apache-2.0
"""How the sums of a convolution are cut into tiles, and how often each of its loops begins.

The sizes are those of the kernels in tflm_train/kernels on microcontrollers. Where they differ a
little, a prediction is a little worse, nothing else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

Counts = Counter[str]
"""By the name of a term; how often it occurs in one operator."""


@dataclass(frozen=True)
class Blocking:
    """A micro-kernel: a tile of ``items`` x ``columns`` sums; ``period`` steps are unrolled."""

    name: str
    items: int
    columns: int
    period: int
    slides: bool = False


LONG = Blocking("long window", 15, 1, 16, slides=True)
SHORT = Blocking("short window", 8, 2, 8, slides=True)
WIDE = Blocking("grid", 6, 4, 4)
FEW = Blocking("few columns", 12, 2, 4)
MANY_TAPS = Blocking("many taps", 16, 1, 15, slides=True)
SHORT_TAPS = Blocking("short taps", 8, 2, 8, slides=True)
TAP_GRID = Blocking("tap grid", 4, 4, 8)
TAP_FEW = Blocking("tap grid, few columns", 8, 2, 8)

LONG_FILTER, SHORT_FILTER = 16, 8
FEW_COLUMNS = 4
OUTER_STEPS, OUTER_COLUMNS = (1, 2, 4), 8
FAST_BLOCK, FAST_UNIT, FAST_PARTS = 480, 60, 7
PIECE_FLOATS, PIECE_UNIT = 2304, 8
COLUMN_LANES, COLUMN_LANES_FOUR = 8, 6
LEAST_PIECE_OUTPUTS, MOST_PIECE_OUTPUTS = 32, 256


@dataclass(frozen=True)
class Lines:
    """Lines of sums over ``planes`` x ``rows`` lines of ``steps`` terms each; see correlate.h."""

    items: int
    inside: int  # items none of whose terms is on padding
    before: int  # items with padding ahead of those
    columns: int
    planes: int
    rows: int
    steps: int
    slides: bool
    spread: bool = False  # a stride: values are copied apart


def piece_outputs(rows: int, width: int) -> int:
    """How many outputs of a line are made at a time of int16 codes: see conv_codes.cc."""
    fitting = PIECE_FLOATS // rows // PIECE_UNIT * PIECE_UNIT
    return min(max(min(fitting, MOST_PIECE_OUTPUTS), LEAST_PIECE_OUTPUTS), width)


def ceil(a: int, b: int) -> int:
    return -(-a // b)


def correlation(line: Lines) -> tuple[str, Counts]:
    """The kernel of one line of items, and what it counts."""
    if line.rows <= 0 or line.steps <= 0:
        return WIDE.name, Counter(cleared=line.items * line.columns)
    for kind, least in ((LONG, LONG_FILTER), (SHORT, SHORT_FILTER)):
        if line.slides and min(line.steps, line.items) >= least:
            return kind.name, _window(kind, line)
    return _grid(line)


def _window(kind: Blocking, line: Lines) -> Counts:
    begin = ceil(line.before, kind.items) * kind.items
    after = line.items - line.before - line.inside
    inside = line.items - ceil(after, kind.items) * kind.items - begin
    if inside < LONG_FILTER and inside < line.items:
        inside, begin = 0, line.items
    edges = ceil(begin, kind.items) + ceil(line.items - begin - inside, kind.items)
    tiles = ceil(inside, kind.items) + edges
    terms = line.planes * line.rows
    counts = tile_runs(kind, tiles, line.columns, terms, line.steps)
    gathered = edges * terms
    counts.update(
        gathered=gathered * (kind.items + line.steps - 1),
        gathered_lines=gathered,
        edges=edges,
        lines=1,
    )
    return counts


def tile_runs(kind: Blocking, tiles: int, columns: int, terms: int, steps: int) -> Counts:
    """``terms`` lines of ``steps`` for each of so many tiles' columns."""
    counts: Counts = Counter()
    whole = steps // kind.period * kind.period
    rest = steps - whole
    pairs, singles = divmod(columns, kind.columns)
    for groups, width, suffix in ((pairs, kind.columns, ""), (singles, 1, "_single")):
        runs = tiles * groups
        sums = runs * kind.items * width
        counts["macs" + suffix] += sums * terms * whole
        counts["rest_macs" + suffix] += sums * terms * rest
        counts["tile_lines" + suffix] += runs * terms
        counts["tile_rests"] += runs * terms * int(rest > 0)
        counts["rests"] += runs * int(rest > 0)
        counts["tiles" + suffix] += runs
        counts["groups"] += groups
    return counts


def _grid(line: Lines) -> tuple[str, Counts]:
    kind = FEW if line.columns < FEW_COLUMNS else WIDE
    by_planes = line.planes >= 4 or line.steps == 1
    by_rows = by_planes and line.planes == 1
    terms = line.planes * line.rows * line.steps
    inner = line.rows if by_rows else line.planes if by_planes else line.steps
    order = "rows" if by_rows else "planes" if by_planes else "taps"
    name = f"{kind.name}, {'spread ' * line.spread}{order}"
    edge_items = line.items - line.inside
    gathered = line.planes * line.rows * (line.steps if line.spread else 1)
    counts: Counts = Counter(lines=1)
    if inner == terms and inner in OUTER_STEPS and line.columns >= OUTER_COLUMNS:
        counts["outer_macs"] += line.items * line.columns * terms
        counts["outer_columns"] += ceil(line.items, 12) * line.columns
        return "outer", counts
    edges = ceil(line.before, 8) + ceil(edge_items - line.before, 8)
    for items, calls in ((line.inside, 1), (edge_items, edges)):
        if items <= 0 or calls <= 0:
            continue
        each = ceil(items, calls)
        if each >= kind.items:
            tiles = ceil(each, kind.items) * calls
            counts += tile_runs(kind, tiles, line.columns, terms // inner, inner)
        else:
            groups = ceil(line.columns, kind.columns)
            counts["item_macs"] += items * line.columns * terms
            counts["item_lines"] += items * groups * (terms // inner)
            counts["item_tiles"] += items * groups
    if edge_items > 0:
        apart = edge_items * line.steps
        neighbours = edge_items + edges * (line.steps - 1)
        lines = line.planes * line.rows
        counts["gathered"] += lines * (apart if line.spread else neighbours)
        counts["gathered_lines"] += gathered * edges
        counts["edges"] += edges
    return name, counts


def tap_windows(
    *,
    taps: int,
    outputs: int,
    inputs: int,
    lines: int,
    images: int,
    steps: int,
    pad: int,
    room: int,
) -> tuple[Blocking, Counts]:
    """Gradient of a row of taps, neighbouring taps being items; ``lines`` of all images."""
    counts: Counts = Counter()
    name = SHORT_TAPS
    for first in range(0, outputs, 4):
        count = min(4, outputs - first)
        waste = ceil(taps, MANY_TAPS.items) * MANY_TAPS.items - taps
        many = taps >= MANY_TAPS.items and waste * 8 < taps
        kind = MANY_TAPS if many else SHORT_TAPS
        name = kind
        columns = 1 if many or count % 2 else 2
        suffix = "_single" if kind.columns > columns else ""
        for tap in range(0, taps, kind.items):
            left = min(tap, taps - kind.items) - pad
            begin = min(ceil(max(-left, 0), kind.period) * kind.period, steps)
            most = min(room - left - (kind.items - 1), steps) - begin
            inside = max(most // kind.period * kind.period, 0)
            end = steps - begin - inside
            runs = inputs * lines * ceil(count, columns)
            sums = runs * kind.items * columns
            rest = end % kind.period + (begin % kind.period)
            counts["macs" + suffix] += sums * (steps - rest)
            counts["rest_macs" + suffix] += sums * rest
            calls = int(begin > 0) + int(inside > 0) + int(end >= kind.period)
            counts["tile_lines" + suffix] += runs * calls
            counts["tile_rests" + suffix] += runs * int(rest > 0)
            ends = int(begin > 0) + int(end > 0)
            counts["gathered"] += inputs * lines * (begin + end + ends * (kind.items - 1))
            counts["gathered_lines"] += inputs * lines * ends
            counts["tiles"] += inputs * lines
            counts["joined"] += inputs * lines * kind.items * count
    counts["images"] += images
    return name, counts


def tap_tiles(
    *, taps: int, items: int, outputs: int, images: int, rows: int, steps: int
) -> tuple[Blocking, Counts]:
    """Gradient of single taps: tiles of inputs, or of rows of taps, by outputs."""
    kind = TAP_FEW if outputs < FEW_COLUMNS else TAP_GRID
    tail = 6
    counts: Counts = Counter()
    wide, narrow = divmod(outputs, kind.columns)
    rest = steps % kind.period
    for groups, columns, suffix in ((wide, kind.columns, ""), (narrow, 1, "_single")):
        left = items
        while left > 0:
            size = kind.items
            if kind is TAP_FEW and left <= tail <= items:
                size = tail
            if items < kind.items and size != tail:
                size = 1
            mark = "_item" if size == 1 else suffix
            runs = taps * groups * images
            counts["macs" + mark] += runs * rows * size * columns * (steps - rest)
            counts["rest_macs" + mark] += runs * rows * size * columns * rest
            counts["tile_lines" + mark] += runs * rows
            counts["tile_rests"] += runs * rows * int(rest > 0)
            counts["tiles"] += runs
            counts["joined"] += runs * size * columns
            left -= size
    return kind, counts


def fast_line(taps: int, items: int, columns: int, *, gradient: bool) -> Counts:
    """One line by the fast FIR algorithm; see fast_fir.h."""
    quarter = taps // 4
    counts: Counts = Counter(lines=1)
    for done in range(0, items, FAST_BLOCK):
        block = min(ceil(items - done, FAST_UNIT) * FAST_UNIT, FAST_BLOCK)
        counts["blocks"] += 1
        counts["split"] += block // 4 + quarter - 1
        counts["merged"] += columns * block // 4
        counts["block_columns"] += columns
        if gradient:
            tiles, steps = ceil(quarter, MANY_TAPS.items), block // 4
            counts["tiles"] += FAST_PARTS * columns * tiles
            counts["macs"] += FAST_PARTS * columns * tiles * MANY_TAPS.items * steps
            counts["joined"] += FAST_PARTS * columns * quarter
        else:
            tiles = ceil(block // 4, LONG.items)
            counts["tiles"] += FAST_PARTS * columns * tiles
            counts["macs"] += FAST_PARTS * columns * tiles * LONG.items * quarter
    return counts
