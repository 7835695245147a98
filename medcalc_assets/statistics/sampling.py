"""A planned, stratified sample of the labels that no physician has seen: how many per stratum, which, and what it says."""

import hashlib
import heapq
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import polars as pl

from medcalc_assets.errors import MedcalcError

ANTICIPATED = {"A": 0.88, "B": 0.90, "C": 0.50, "D": 0.67, "E": 0.91, "F": 0.05, "G": 0.91, "H": 0.40}
"""The share of wrong labels per stratum for which a sample is planned: of A to E and G as physicians found, of F and H,
which none has seen, assumed."""
FLOOR = 2
"""Answers per stratum at the least: of fewer nobody can tell the spread."""
Z = 1.959963984540054


class Rate(NamedTuple):
    """A number of wrong labels with its 95% interval: design-based, whatever the rates are."""

    wrong: float
    low: float
    high: float
    n: int
    """Labels that it is about."""
    answers: int


def allocate(unseen: Mapping[str, int], answers: int, rates: Mapping[str, float] = ANTICIPATED) -> dict[str, int]:
    """Answers per stratum that make the variance of the estimated total smallest, as integers, exactly.

    FLOOR per stratum (or all of its labels), then each further answer to the stratum with the largest
    N_h S_h / sqrt(n_h (n_h + 1)), S_h² = N_h / (N_h - 1) p_h (1 - p_h), ties by letter.
    Source: Wright, Stat Probab Lett 2017;129:50.

    Raises:
        MedcalcError: More answers than labels, or fewer than the floors.

    >>> allocate({"A": 53, "F": 601}, 60)
    {'A': 7, 'F': 53}
    """
    sizes = {stratum: min(FLOOR, n) for stratum, n in sorted(unseen.items())}
    least, most = sum(sizes.values()), sum(unseen.values())
    if not least <= answers <= most:
        raise MedcalcError(f"A sample of {answers} labels cannot be drawn: give a number from {least} to {most}.")

    def priority(stratum: str, n: int) -> tuple[float, str]:
        return -unseen[stratum] * math.sqrt(_spread(unseen[stratum], rates[stratum]) / (n * (n + 1))), stratum

    waiting = [priority(stratum, n) for stratum, n in sizes.items() if n < unseen[stratum]]
    heapq.heapify(waiting)
    for _ in range(answers - least):
        _, stratum = heapq.heappop(waiting)
        sizes[stratum] += 1
        if sizes[stratum] < unseen[stratum]:
            heapq.heappush(waiting, priority(stratum, sizes[stratum]))
    return sizes


def margin(unseen: Mapping[str, int], sizes: Mapping[str, int], rates: Mapping[str, float] = ANTICIPATED) -> float:
    """The expected half width of the 95% interval, in labels, of a sample of these sizes."""
    return Z * math.sqrt(sum(_variance(n, sizes[h], _spread(n, rates[h])) for h, n in unseen.items()))


def answers_for(unseen: Mapping[str, int], labels: int, half_width: float, rates: Mapping[str, float] = ANTICIPATED) -> int:
    """The smallest sample whose margin is at most `half_width` (0.02: two points) of all `labels`, seen ones included."""
    low, high = sum(min(FLOOR, n) for n in unseen.values()) - 1, sum(unseen.values())
    while high - low > 1:
        middle = (low + high) // 2
        if margin(unseen, allocate(unseen, middle, rates), rates) <= half_width * labels:
            high = middle
        else:
            low = middle
    return high


def _spread(labels: int, rate: float) -> float:
    """S² of a stratum of which this share is wrong."""
    return labels / max(labels - 1, 1) * rate * (1 - rate)


def _variance(labels: int, answers: int, s_squared: float) -> float:
    """Of the estimated total of a stratum, with the finite-population correction."""
    return labels**2 * (1 - answers / labels) * s_squared / answers if answers < labels else 0.0


def draw(unseen: pl.DataFrame, sizes: Mapping[str, int], seed: str) -> pl.DataFrame:
    """`uid`, `stratum`, `draw` (the place in its stratum's order, from 1) and `inclusion_probability` of the drawn labels.

    The order within a stratum is that of SHA-256 of seed and uid: the same everywhere and always, whatever the order of
    `unseen` (`uid`, `stratum`). A larger sample with the same seed holds the smaller one.
    """
    ranks = [hashlib.sha256(f"{seed}:{uid}".encode()).hexdigest() for uid in unseen["uid"]]
    wanted = pl.col("stratum").replace_strict(dict(sizes), default=0, return_dtype=pl.Int64)
    return (
        unseen.select("uid", "stratum", rank=pl.Series(ranks, dtype=pl.String))
        .sort("stratum", "rank")
        .with_columns(
            draw=pl.int_range(1, pl.len() + 1).over("stratum"),
            inclusion_probability=(wanted / pl.len().over("stratum")).clip(upper_bound=1.0),
        )
        .filter(pl.col("draw") <= wanted)
        .drop("rank")
    )


def plan(unseen: pl.DataFrame, seed: str, find: int = 0, measure: int = 0, certify: int = 0) -> pl.DataFrame:
    """Rows of a sampling plan: `purpose` (`find`, `measure` or `certify`), `uid`, `stratum`, `draw`, and the
    `inclusion_probability`.

    `unseen` are the labels that no physician has answered: `uid`, `stratum`, `probability_wrong`, and `certified`, whether
    the certificate is about them. `find` takes the most likely wrong, ties by uid, with certainty; `measure` is allocated
    over the strata of the rest; `certify` is a simple random sample, which may hold labels of the others, too.

    Raises:
        MedcalcError: There are not so many labels.
    """
    certified = unseen.filter("certified").with_columns(stratum=pl.lit("certified"))
    if find + measure > unseen.height or certify > certified.height:
        raise MedcalcError(
            f"{find} labels to find wrong ones, {measure} to measure and {certify} for a certificate are more than there "
            f"are without a physician's answer: {unseen.height}, {certified.height} of them to certify. Name fewer."
        )
    in_order = unseen.sort("probability_wrong", "uid", descending=[True, False])
    likely, rest = in_order.head(find), in_order.slice(find)
    sizes = allocate(dict(rest.group_by("stratum").len().iter_rows()), measure) if measure else {}
    first = likely.select("uid", "stratum", draw=pl.int_range(1, pl.len() + 1), inclusion_probability=pl.lit(1.0))
    parts = {
        "find": first,
        "measure": draw(rest, sizes, f"{seed}:measure"),
        "certify": draw(certified, {"certified": certify}, f"{seed}:certify"),
    }
    return pl.concat(part.with_columns(purpose=pl.lit(purpose)) for purpose, part in parts.items())


def estimate_from_plan(planned: pl.DataFrame, known_wrong: int = 0, known: int = 0) -> Rate:
    """`estimate` from the rows of a plan for `find` and `measure`, with `wrong`: what the answer says of the label, null
    without one. What was to be found is a stratum without error.

    In each stratum the answers to `measure` count up to the first that is missing: whatever part of the draws has been
    answered in their order is a random sample, and a part that somebody chose is none.

    Raises:
        MedcalcError: A label of `find` or a whole stratum has no answer.
    """
    found = planned.filter(purpose="find")
    if missing := found["wrong"].null_count():
        raise MedcalcError(f"{missing} labels of the plan's part `find` have no answer: the rate waits for them.")
    strata = (
        planned.filter(purpose="measure")
        .sort("stratum", "draw")
        .with_columns(counts=pl.col("wrong").is_not_null().cum_min().over("stratum"))
        .group_by("stratum", maintain_order=True)
        .agg(
            labels=(pl.len() / pl.col("inclusion_probability").first()).round().cast(pl.Int64),
            answers=pl.col("counts").sum().cast(pl.Int64),
            wrong=(pl.col("wrong") & pl.col("counts")).sum().cast(pl.Int64),
        )
    )
    rows = strata.select("labels", "answers", "wrong").iter_rows()
    return estimate(rows, known_wrong + int(found["wrong"].sum()), known + found.height)


def estimate(strata: Iterable[tuple[int, int, int]], known_wrong: int = 0, known: int = 0) -> Rate:
    """The number of wrong labels, from a stratified random sample: the expansion estimator with its 95% interval.

    Args:
        strata: Per stratum: labels that it was drawn from, answers, and how many of them say that the label is wrong.
        known_wrong: Wrong ones among the `known` labels, which physicians had answered before: a stratum without error.

    The variance has the finite-population correction and S_h² = max(n/(n-1) p(1-p), q(1-q)) with p = w/n and
    q = (w + ½)/(n + 1), so that a stratum where all answers agree is not taken for certain: 96-99% of such intervals hold
    the truth, of plain ones (Wald) 88%. Source: Cochran, Sampling Techniques, 3rd ed. 1977, chapter 5; the smoothed q as in
    Agresti & Coull, Am Stat 1998;52:119.

    Raises:
        MedcalcError: A stratum has labels and no answer.
    """
    total, variance, labels, answers = float(known_wrong), 0.0, known, 0
    for size, n, wrong in strata:
        if size and not n:
            raise MedcalcError(f"A stratum of {size} labels has no answer: its rate is not known. Plan a sample of it.")
        labels, answers = labels + size, answers + n
        if n:
            p, q = wrong / n, (wrong + 0.5) / (n + 1)
            plain = n / (n - 1) * p * (1 - p) if n > 1 else 0.0
            total += size * p
            variance += _variance(size, n, max(plain, q * (1 - q)))
    spread = Z * math.sqrt(variance)
    return Rate(total, max(total - spread, 0.0), min(total + spread, float(labels)), labels, answers)
