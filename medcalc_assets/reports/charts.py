"""Where the marks of the report's charts lie. `charts.html.j2` draws them as SVG, and the tables behind them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import quote

import polars as pl

from medcalc_assets.calculators.inputs import numeral

HEIGHT, GAP, TOP, LAST = 300, 28, 34, 940
"""Of a flow, which is 1120 wide; LAST is where its last stage stands, left of its words."""
LINKED = 300
"""How many points of a scatter are links, and lines of the table behind it: those furthest off."""
SIDE, FOOT, HEAD = 44, 352, 28
"""The edges of a scatter, which is 363 wide."""


class Kind(NamedTuple):
    """One of the kinds into which a stage of a flow sorts the labels; `query` is the index's address of them."""

    name: str
    color: str
    query: str = ""


class Stage(NamedTuple):
    """A stage of a flow: `column` has the names of its kinds, which are in their order from the top."""

    heading: str
    column: str
    kinds: Sequence[Kind]


class Node(NamedTuple):
    kind: Kind
    labels: int
    x: float
    y: float
    height: float


class Band(NamedTuple):
    start: str
    end: str
    labels: int
    color: str
    path: str


class Flow(NamedTuple):
    headings: list[tuple[float, str]]
    nodes: list[Node]
    bands: list[Band]
    height: float


class Mark(NamedTuple):
    """A figure with its interval, in percent."""

    name: str
    value: float
    low: float
    high: float
    color: str
    basis: str = ""


class Point(NamedTuple):
    """Of a scatter; a link, where it has a uid."""

    x: float
    y: float
    color: str
    uid: int | None
    said: str


class Scatter(NamedTuple):
    ticks: list[tuple[float, float, str]]
    quiet: list[Point]
    loud: list[Point]
    linked: list[dict[str, Any]]
    apart: int
    shown: int


class Slope(NamedTuple):
    """A run's share of right answers under two keys, in percent; `text` is where its name has room."""

    run: str
    n: int
    before: float
    now: float
    left: float
    right: float
    text: float
    color: str


def address(**facets: str) -> str:
    """The list of the labels that the index's filters leave."""
    return "index.html#" + "&".join(f"{name}={quote(value)}" for name, value in facets.items())


def flow(labels: pl.DataFrame, stages: Sequence[Stage]) -> Flow:
    """How many labels go from each kind of a stage to each of the next. Kinds without labels are left out."""
    scale, nodes, lowest = HEIGHT / labels.height, {}, 0.0
    for place, stage in enumerate(stages):
        counts = dict(labels[stage.column].value_counts().iter_rows())
        x, y = place * LAST / (len(stages) - 1), float(TOP)
        for kind in stage.kinds:
            if n := counts.get(kind.name, 0):
                nodes[place, kind.name] = Node(kind, n, x, y, scale * n)
                y += scale * n + GAP
        lowest = max(lowest, y - GAP)
    left, right = ({at: node.y for at, node in nodes.items()} for _ in range(2))
    bands = []
    for place, (one, other) in enumerate(pairwise(stages)):
        counts = {(a, b): n for a, b, n in labels.group_by(one.column, other.column).len().iter_rows()}
        for a in one.kinds:
            for b in other.kinds:
                if n := counts.get((a.name, b.name), 0):
                    start, end, high = nodes[place, a.name], nodes[place + 1, b.name], scale * n
                    y, to = right[place, a.name], left[place + 1, b.name]
                    right[place, a.name], left[place + 1, b.name] = y + high, to + high
                    bands.append(Band(a.name, b.name, n, b.color, _band(start.x + 14, y, end.x, to, max(high, 0.8))))
    headings = [(place * LAST / (len(stages) - 1), stage.heading) for place, stage in enumerate(stages)]
    return Flow(headings, list(nodes.values()), bands, lowest + 10)


def _band(x: float, y: float, to_x: float, to_y: float, high: float) -> str:
    middle = (x + to_x) / 2
    return (
        f"M{x:.0f} {y:.1f}C{middle:.0f} {y:.1f} {middle:.0f} {to_y:.1f} {to_x:.0f} {to_y:.1f}V{to_y + high:.1f}"
        f"C{middle:.0f} {to_y + high:.1f} {middle:.0f} {y + high:.1f} {x:.0f} {y + high:.1f}Z"
    )


def scatter(labels: pl.DataFrame) -> Scatter:
    """Original against recomputed numbers, on symmetric logarithmic scales: those apart in front. Points that would lie on
    each other are drawn once, so that ten times the labels are no ten times the weight.

    `labels` are those of which both are numbers, with uid, calc, was, likely_error and discrepancy.
    """
    numbers = [labels[name].to_list() for name in ("label_number", "relabel_number")]
    ends = [_log(each) for each in (min(map(min, numbers)), max(map(max, numbers)))]
    low, high = math.floor(min(ends[0], 0)), max(math.ceil(ends[1]), 1)
    step = 363 / (high - low)

    def at(value: float) -> float:
        return (_log(value) - low) * step

    def point(row: Mapping[str, Any], link: bool) -> Point:
        x, y = SIDE + at(row["label_number"]), FOOT - at(row["relabel_number"]) * (FOOT - HEAD) / 363
        color = "f-bad" if row["likely_error"] else "f-q"
        said = f"{row['uid']}, {row['calc']}: {row['was']} → {numeral(row['relabel_number'])}" if link else ""
        return Point(round(x), round(y), color, row["uid"] if link else None, said)

    apart = labels.filter("likely_error").sort("discrepancy", "uid", descending=[True, False])
    linked = apart.head(LINKED).to_dicts()
    quiet = {point(row, False) for row in [*labels.filter(~pl.col("likely_error")).to_dicts(), *apart[LINKED:].to_dicts()]}
    values = (math.copysign(10 ** abs(power), power) if power else 0 for power in range(low, high + 1))
    places = {value: at(value) for value in values}
    ticks = [
        (SIDE + along, FOOT - along * (FOOT - HEAD) / 363, f"{value:,.0f}")
        for value, along in places.items()
        if 0 <= along <= 363
    ]
    loud = [point(row, True) for row in reversed(linked)]
    return Scatter(
        ticks, sorted(quiet, key=lambda each: (each.color, each.x, each.y)), loud, linked, apart.height, labels.height
    )


def _log(value: float) -> float:
    """A logarithm that also takes 0 and what is below: 10 is at 1, 0 at 0, about."""
    return math.copysign(math.log10(1 + abs(value)), value)


def slopes(effects: pl.DataFrame) -> Iterator[tuple[str, list[Slope]]]:
    """By key, the share of each run's answers that the benchmark's key and this one find right, of labels that both have."""
    for (key,), own in effects.sort("key", "run").group_by("key", maintain_order=True):
        rows = own.to_dicts()
        shares = [(100 * row["right_before"] / row["n"], 100 * row["right"] / row["n"]) for row in rows]
        low, high = min(map(min, shares)), max(map(max, shares))
        scale = 240 / max(high - low, 5)
        ends = [(272 - (before - low) * scale, 272 - (now - low) * scale) for before, now in shares]
        texts = _with_room([right for _, right in ends])
        yield (
            key,
            [
                Slope(row["run"], row["n"], *share, *end, text, _turns(row))
                for row, share, end, text in zip(rows, shares, ends, texts, strict=True)
            ],
        )


def _turns(row: Mapping[str, Any]) -> str:
    """The colour of a change: none where its interval leaves open which way it goes."""
    return "q" if row["low"] is None or row["low"] <= 0 <= row["high"] else "good" if row["low"] > 0 else "bad"


def _with_room(places: Sequence[float], room: float = 17) -> list[float]:
    """Places for lines of text, each as near as may be to its own: none on another, and in the same order."""
    found = dict.fromkeys(range(len(places)), 0.0)
    last = -math.inf
    for place in sorted(found, key=places.__getitem__):
        found[place] = last = max(places[place], last + room)
    return [found[place] for place in range(len(places))]
