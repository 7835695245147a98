"""Estimates with their intervals: proportions, agreement beyond chance, and sMAPE."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

DRAWS, SEED = 10_000, 42


PARTS = 100
"""In which the draws are made, as all at once would fill the memory."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95% interval and the number of cases behind it; NaN where there are none."""

    value: float
    low: float
    high: float
    n: int


def proportion(successes: int, n: int) -> Estimate:
    """A proportion with its Wilson score interval (Wilson, JASA 1927;22:209), z = 1.96."""
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    z, p = 1.959963984540054, successes / n
    centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Estimate(p, (centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n), n)


def share(part: int, whole: int) -> str:
    """`proportion` as a person reads it: `32.2% (Wilson 95% 29.2% to 35.4%)`; `none` of nothing."""
    found = proportion(part, whole)
    return f"{found.value:.1%} (Wilson 95% {found.low:.1%} to {found.high:.1%})" if whole else "none"


def kappa(both: pl.Expr, neither: pl.Expr, gained: pl.Expr, lost: pl.Expr) -> pl.Expr:
    """Cohen's kappa of two raters who say yes or no: agreement beyond chance, at most 1; null where chance explains all.

    Source: Cohen, Educ Psychol Meas 1960;20:37.
    """
    n = both + neither + gained + lost
    observed = (both + neither) / n
    expected = ((both + gained) * (both + lost) + (neither + gained) * (neither + lost)) / (n * n)
    return pl.when(expected < 1).then((observed - expected) / (1 - expected))


def smape(labels: pl.Series, truth: pl.Series) -> Estimate:
    """Symmetric mean absolute percentage error, 100/N · Σ 2|y* - y| / (|y*| + |y|), over the pairs of two numbers.

    A pair of zeros contributes 0. The interval is the percentile bootstrap of 10,000 draws with a fixed seed.
    """
    pairs = pl.DataFrame({"y": labels, "truth": truth}).drop_nulls()
    y, y_star = pairs["y"].to_numpy(), pairs["truth"].to_numpy()
    total = np.abs(y) + np.abs(y_star)
    terms = 200 * np.divide(np.abs(y - y_star), total, out=np.zeros_like(total), where=total > 0)
    if not len(terms):
        return Estimate(math.nan, math.nan, math.nan, 0)
    generator = np.random.default_rng(SEED)
    draws = np.concatenate([generator.choice(terms, size=(DRAWS // PARTS, len(terms))).mean(axis=1) for _ in range(PARTS)])
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(float(terms.mean()), float(low), float(high), len(terms))
