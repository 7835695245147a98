"""How many original labels are wrong, as far as the physicians' own choice of cases tells: a model, not a sample."""

import math
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from medcalc_assets.statistics.sampling import ANTICIPATED
from medcalc_assets.statistics.strata import Terms, right, stratum

SHARED = {"E": "B", "G": "B"}
"""Strata that no physician has seen, by the one whose rate they share: in each the label's own entities contradict it, or a
rule that takes them speaks for the relabel."""
CONTESTED = ("A", "B", "C", "D", "E")
"""The labels with a likely error: the only ones of which physicians have seen any."""

UNCONTESTED = ("F", "H")
"""Of which physicians chose none: before they answer, the anticipated rate counts for as much as one answer."""
SHRINKAGE = 2.0
"""For how many answers on a calculator the rate of its stratum counts."""


class Wrong(NamedTuple):
    """How many of `n` labels are wrong, with what the model says of it; `seen` are those that a physician answered."""

    mean: float
    low: int
    high: int
    n: int
    seen: int


def beta_binomial(unseen: int, wrong: float, right: float) -> np.ndarray:
    """P(k of `unseen` labels are wrong) for k from 0, where the rate has the distribution Beta(`wrong`, `right`)."""
    total, beta = wrong + right, math.lgamma(wrong) + math.lgamma(right)
    logs = [
        math.lgamma(unseen + 1) - math.lgamma(k + 1) - math.lgamma(unseen - k + 1)
        + math.lgamma(wrong + k) + math.lgamma(right + unseen - k) - math.lgamma(total + unseen)
        + math.lgamma(total) - beta
        for k in range(unseen + 1)
    ]  # fmt: skip
    return np.exp(logs)


def wrong_labels(
    counts: pl.DataFrame, terms: Terms, strata: Collection[str] = CONTESTED, shared: Mapping[str, str] = SHARED
) -> Wrong:
    """The number of wrong original labels in `strata`: those known, and a model of the unseen.

    `counts` are those of `counted`. The rate of each stratum has the prior Beta(1/2, 1/2) (Jeffreys); those in `shared`
    take the rate of another, so that their labels are wrong or right together. The sum is the exact convolution of
    beta-binomials; `low` and `high` are the smallest numbers with a cumulative probability of at least 0.025 and 0.975.

    It is model-based: it takes the cases that physicians chose for a random draw of their stratum. What is outside of
    `strata` is not covered.
    """
    of_rate = (
        counts.filter(pl.col("stratum").is_in(list(strata)))
        .group_by(rate=pl.col("stratum").replace(dict(shared)))
        .agg(pl.col("n", "seen", f"original_{terms}").sum().cast(pl.Int64))
        .sort("rate")
    )
    known, distribution = 0, np.ones(1)
    for n, seen, found_right in of_rate.drop("rate").iter_rows():
        wrong = seen - found_right
        known += wrong
        distribution = np.convolve(distribution, beta_binomial(n - seen, wrong + 0.5, found_right + 0.5))
    cumulative = np.cumsum(distribution)
    low, high = (known + int(np.searchsorted(cumulative, p)) for p in (0.025, 0.975))
    mean = known + float(distribution @ np.arange(len(distribution)))
    return Wrong(mean, low, high, int(of_rate["n"].sum()), int(of_rate["seen"].sum()))


def probability_wrong(evidence: pl.DataFrame, terms: Terms = "paper") -> pl.Series:
    """P(the original label is wrong), per row of a frame with what `stratum` and `right` read, `calculator` and `ruled`
    (what rulings on its cards show it to be: `wrong`, `right`, or null).

    The rate of a stratum is (wrong + ½) / (seen + 1), with the anticipated rate in place of the ½ for UNCONTESTED; those in
    SHARED have one. A calculator's rate in its stratum is (wrong + 2 rate) / (seen + 2): shrunk to the stratum's as if that
    were two answers. A label that a ruling shows right leaves the contradicted; the labels shown wrong have a rate of their
    own, for which the ruling is one more answer: (wrong + 1 + rate) / (seen + 2), by calculator as above. Where a physician
    has answered, it is 0 or 1: nothing is left to learn from another answer.
    """
    contradicted = pl.col("contradicted") & (pl.col("ruled") != "right").fill_null(True)
    shown_wrong = (pl.col("ruled") == "wrong").fill_null(False)
    rated = evidence.with_columns(contradicted=contradicted).select(
        "calculator",
        rate=stratum().replace(SHARED),
        shown_wrong=shown_wrong,
        wrong=(~right("label", terms)).cast(pl.Float64),
    )
    wrong, seen = pl.col("wrong").sum(), pl.col("wrong").count()
    prior = pl.col("rate").replace_strict({name: ANTICIPATED[name] for name in UNCONTESTED}, default=0.5)
    of_stratum = ((wrong + prior) / (seen + 1)).over("rate")
    of_ruled = ((wrong + 1 + pl.col("of_stratum")) / (seen + 2)).over("rate", "shown_wrong")
    of_calculator = (wrong + SHRINKAGE * pl.col("of_group")) / (seen + SHRINKAGE)
    return (
        rated.with_columns(of_stratum=of_stratum)
        .with_columns(of_group=pl.when("shown_wrong").then(of_ruled).otherwise("of_stratum"))
        .select(probability_wrong=pl.coalesce("wrong", of_calculator.over("rate", "shown_wrong", "calculator")))
        .to_series()
    )
