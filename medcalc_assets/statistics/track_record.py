"""What a maintained label may be used for, from how often evidence of its class was right when physicians looked."""

import math
from collections.abc import Callable, Collection

import polars as pl

from medcalc_assets.labels.decision import computed, ruled
from medcalc_assets.labels.limits import accepted
from medcalc_assets.statistics.certificate import sample_size
from medcalc_assets.statistics.strata import right, stratum

CLASSES = {
    "confirmed": "the relabel agrees, and nothing contradicts",
    "abstention": "the relabel is N/A",
    "rule": "the relabel is what the published rule gives; the original is contradicted",
    "inputs": "the published rule gives it for the inputs that blind readers find",
    "relabel": "a relabel contradicts it; the entities give the original, or no rule can be computed",
    "neither": "a relabel contradicts it; the rule gives neither, or from entities that cannot be meant",
    "date": "the relabel is another date",
    "ruled": "rulings on its rule or its reading give it from its own entities, and no relabel does",
    "ambiguous": "original and relabel follow two published conventions; the original stays",
    "unchecked": "no relabel, or one that agrees with what the entities contradict, or that cannot be meant",
}
"""The kinds of evidence that a maintained label can rest on where no physician has answered."""
PROVISIONAL = ("confirmed",)
"""What only a blind random sample can prove: physicians chose from the contested labels, so that it has no track record.

How many answers prove a rate of `grades` if all find the label right is its `confirmation`: of 598 labels 14 for 80%, 28 for
90%, 56 for 95%.
"""
GRADES, TRAINS = 0.8, 0.7
"""The mean, by the limits, from which a class may grade and may train, where no other is set."""


def evidence_class() -> pl.Expr:
    """A key of CLASSES, for a frame with `output_type`, `contradicted`, `likely_error`, `comparison`, `attribution`,
    `published_*`, `relabel_*`, and what `ruled` and `computed` read."""
    of_stratum = stratum()
    holds = {
        "ruled": ruled() & ~accepted("ruled", "relabel"),
        "ambiguous": pl.col("attribution") == "convention",
        "confirmed": (of_stratum == "F") & ~pl.col("contradicted") & ~pl.col("suspect"),
        "abstention": of_stratum == "A",
        "date": of_stratum == "E",
        "rule": (of_stratum == "B") & accepted("relabel", "published") & ~pl.col("suspect"),
        "inputs": accepted("relabel", "computed") | computed(),
        "neither": of_stratum == "B",
        "relabel": of_stratum == "D",
    }
    names = (pl.when(condition.fill_null(False)).then(pl.lit(name)) for name, condition in holds.items())
    return pl.coalesce(*names, pl.lit("unchecked"))


def track_record(
    evidence: pl.DataFrame, drawn: Collection[int] = (), grades: float = GRADES, trains: float = TRAINS
) -> pl.DataFrame:
    """Per evidence class that occurs: how often its label was right when a physician answered, and what that permits.

    `unseen` counts its labels that no physician has answered. For both terms (`paper`, `limits`) there are the number of
    answers that found the label right, the mean of the rate by Jeffreys' prior Beta(1/2, 1/2), and its one-sided 95% lower
    bound; mean and bound are null where no physician has answered. `may_grade` and `may_train` hold where the mean by the
    limits is at least `grades` and `trains`, so that a class moves by itself as answers come in. A class of PROVISIONAL
    may do both, as `provisional`, while every answer finds it right, until as many of those that were `drawn` at random (by
    uid) are answered as its `confirmation` takes: an answer to a label that somebody chose proves nothing of the others.
    """
    keeps_original = pl.col("evidence_class").is_in(["ambiguous", "confirmed", "unchecked"])
    counts = {
        f"{terms}_right": pl.when(keeps_original)
        .then(right("label", terms))
        .when(evidence_class="ruled")
        .then(right("ruled", terms))
        .when(evidence_class="inputs")
        .then(right("computed", terms))
        .otherwise(right("relabel", terms))
        .sum()
        for terms in ("paper", "limits")
    }
    found = (
        evidence.with_columns(evidence_class=evidence_class())
        .group_by("evidence_class")
        .agg(
            n=pl.len(),
            seen=pl.col("physician_kind").count(),
            drawn=pl.col("physician_kind").filter(pl.col("uid").is_in(list(drawn))).count(),
            **counts,
        )
        .with_columns(unseen=pl.col("n") - pl.col("seen"))
    )
    for terms in ("paper", "limits"):
        rows = found.select(f"{terms}_right", "seen").rows()
        found = found.with_columns(
            pl.Series(f"{terms}_mean", [(k + 0.5) / (n + 1) if n else None for k, n in rows], dtype=pl.Float64),
            pl.Series(f"{terms}_bound", [jeffreys_bound(k, n) if n else None for k, n in rows], dtype=pl.Float64),
        )
    mean = pl.col("limits_mean")
    order = pl.col("evidence_class").replace_strict(list(CLASSES), range(len(CLASSES)), return_dtype=pl.Int32)
    return (
        found.with_columns(
            confirmation=pl.col("n").map_elements(lambda n: sample_size(n, 1 - grades), return_dtype=pl.Int64)
        )
        .with_columns(
            provisional=pl.col("evidence_class").is_in(PROVISIONAL)
            & (pl.col("drawn") < pl.col("confirmation"))
            & (pl.col("limits_right") == pl.col("seen")),
        )
        .with_columns(
            may_grade=pl.col("provisional") | (mean >= grades).fill_null(False),
            may_train=pl.col("provisional") | (mean >= trains).fill_null(False),
        )
        .with_columns(grades_from=pl.lit(grades), trains_from=pl.lit(trains))
        .sort(order)
    )


def jeffreys_bound(right: int, n: int, confidence: float = 0.95) -> float:
    """The one-sided lower bound of a rate of which `right` of `n` were seen: the quantile of Beta(right + ½, n - right + ½).

    Source: Brown, Cai & DasGupta, Stat Sci 2001;16:101.

    >>> round(jeffreys_bound(12, 13), 3)
    0.736
    """
    return _root(lambda x: regularised_beta(x, right + 0.5, n - right + 0.5) - (1 - confidence))


def _root(increasing: Callable[[float], float]) -> float:
    """Where it is 0, between 0 and 1, to the last digit."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if increasing(middle) < 0 else (low, middle)
    return high


def regularised_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), the distribution function of Beta(a, b).

    Source: the continued fraction of DLMF 8.17.22, by Lentz's method (Press et al., Numerical Recipes, 6.4).
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction of the other tail converges sooner
        return 1 - regularised_beta(1 - x, b, a)
    factor = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 10_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / (1 + term * d), 1 + term / c
            fraction *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return factor * fraction
