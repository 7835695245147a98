"""How many original labels are wrong, as far as the physicians' own choice of cases tells: a model, not a sample."""

import math
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from medcalc_assets.statistics.strata import Terms

SHARED = {"E": "B", "G": "B"}
"""Strata that no physician has seen, by the one whose rate they share: in each the label's own entities contradict it, or a
rule that takes them speaks for the relabel."""
CONTESTED = ("A", "B", "C", "D", "E")
"""The labels with a likely error: the only ones of which physicians have seen any."""


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
    for n, seen, right in of_rate.drop("rate").iter_rows():
        known += seen - right
        distribution = np.convolve(distribution, beta_binomial(n - seen, seen - right + 0.5, right + 0.5))
    cumulative = np.cumsum(distribution)
    low, high = (known + int(np.searchsorted(cumulative, p)) for p in (0.025, 0.975))
    mean = known + float(distribution @ np.arange(len(distribution)))
    return Wrong(mean, low, high, int(of_rate["n"].sum()), int(of_rate["seen"].sum()))
