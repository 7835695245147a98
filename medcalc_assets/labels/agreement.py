"""Labels against physicians: the agreement rule, sMAPE and their intervals, as in arXiv:2512.19691, section 5."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs

from medcalc_assets.labels.limits import TOLERANCE
from medcalc_assets.labels.value import columns

LARGEST_ORDINAL = 20
DRAWS, SEED = 10_000, 42
PARTS = 100
"""In which the draws are made, as all at once would fill the memory."""


def is_continuous(prefix: str) -> pl.Expr:
    """Whether a label is a measurement rather than a count of points: fractional, or beyond 20 in size.

    Source: the authors' script; the paper says "below 20", the script includes 20.
    """
    value = pl.col(f"{prefix}_number")
    return ((value != value.round()) | (value.abs() > LARGEST_ORDINAL)).fill_null(False)


def agrees(label: str, physician: str, continuous: pl.Expr) -> pl.Expr:
    """Whether the label agrees with the physician's (both given by column prefix).

    N/A only with N/A, a date only with itself; continuous values within 5% of the physician's (within 0.05 of a 0),
    ordinal ones within 1 point.
    """
    ours, theirs = pl.col(f"{label}_number"), pl.col(f"{physician}_number")
    margin = pl.when(~continuous).then(1.0).when(theirs == 0).then(TOLERANCE).otherwise(TOLERANCE * theirs.abs())
    same_kind = pl.col(f"{label}_kind") == pl.col(f"{physician}_kind")
    same_value = (
        pl.when(ours.is_not_null())
        .then((ours - theirs).abs() <= margin)
        .otherwise(pl.col(f"{label}_date").eq_missing(pl.col(f"{physician}_date")))
    )
    return same_kind & same_value


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


def compare_with_physicians(
    released: pl.DataFrame, audits: pl.DataFrame, relabels: pl.DataFrame, physicians: pl.DataFrame, auditor: str
) -> list[dict[str, Any]]:
    """Agreement and sMAPE of the released labels, of what the published rules make of the released entities (`audits`,
    the derivation audits) and of every auditor's relabels, over the physicians' instances.

    An instance is continuous if the physician's, the released or the relabel of the `auditor` that counts is, and is so
    for every label set. Each set is judged where it has a label; the Ns say how many those are.
    """
    relabels = relabels.filter(pl.col("relabel_kind").is_not_null())
    reference = (
        physicians.join(released.select("uid", *columns("label")), on="uid", validate="m:1")
        .join(relabels.filter(auditor=auditor).select("uid", *columns("relabel")), on="uid", how="left")
        .select(
            "uid",
            cs.starts_with("physician_", "label_"),
            continuous=pl.any_horizontal(is_continuous(prefix) for prefix in ("physician", "label", "relabel")),
        )
    )
    computable = audits.filter(pl.col("published_kind").is_not_null())
    label_sets = {
        "released": ("label", reference),
        "own entities": ("published", reference.join(computable, on="uid")),
        **{
            name: ("relabel", reference.join(relabels.filter(auditor=name), on="uid"))
            for name in relabels["auditor"].unique().sort()
        },
    }
    rows: list[dict[str, Any]] = []
    for name, (prefix, labels) in label_sets.items():
        agree = labels.select(agrees(prefix, "physician", pl.col("continuous"))).to_series()
        share = proportion(int(agree.sum()), len(agree))
        error = smape(labels[f"{prefix}_number"], labels["physician_number"])
        rows.append(
            {
                "label_set": name,
                "reviewers": ", ".join(physicians["reviewer"].unique().sort()) or "none",
                "n": share.n,
                "n_agree": int(agree.sum()),
                "agreement": share.value,
                "agreement_low": share.low,
                "agreement_high": share.high,
                "smape": error.value,
                "smape_low": error.low,
                "smape_high": error.high,
                "smape_n": error.n,
            }
        )
    return rows
