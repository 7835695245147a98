"""How far a relabel is from the original label: arXiv:2512.19691, sections 3.2 and 4.4."""

import polars as pl

from medcalc_assets.labels.limits import SLACK, TOLERANCE

COMPARISONS = ("abstention", "type", "days", "relative")
"""In the order in which contested labels are reviewed: ratios are never sorted among days."""


def discrepancy(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """Relative difference |a - b| / max(|a|, |b|) of two numeric labels.

    A lower bound of the true relative error if either label were the truth. 0 for equal values, two zeros included, and for
    what only floating point tells apart; 1 when exactly one is zero; up to 2 for opposite signs. Source: arXiv:2512.19691,
    section 3.2.
    """
    return pl.when((a - b).abs() <= SLACK).then(0.0).otherwise((a - b).abs() / pl.max_horizontal(a.abs(), b.abs()))


def score_disagreement(labels: pl.DataFrame, relabels: pl.DataFrame) -> pl.DataFrame:
    """Every high-confidence relabel beside the original label.

    `comparison` says what is compared: `relative` two numbers (`discrepancy`, a ratio), `days` two dates (`days`, a
    count), `abstention` N/A against a value or N/A, `type` a number against a date. `likely_error` iff the discrepancy
    exceeds 5%, the dates differ, or the types do.
    """
    abstains, is_date = (pl.any_horizontal(pl.col("label_kind", "relabel_kind") == kind) for kind in ("na", "date"))
    return (
        relabels.filter(status="high_confidence")
        .join(labels, on="uid", validate="m:1")
        .with_columns(
            comparison=pl.when(abstains)
            .then(pl.lit("abstention"))
            .when(pl.col("label_kind") != pl.col("relabel_kind"))
            .then(pl.lit("type"))
            .when(is_date)
            .then(pl.lit("days"))
            .otherwise(pl.lit("relative")),
            discrepancy=discrepancy(pl.col("label_number"), pl.col("relabel_number")),
            days=(pl.col("relabel_date") - pl.col("label_date")).dt.total_days().abs(),
        )
        .with_columns(
            likely_error=pl.when(comparison="relative")
            .then(pl.col("discrepancy") > TOLERANCE)
            .when(comparison="days")
            .then(pl.col("days") >= 1)
            .otherwise(pl.col("label_kind") != pl.col("relabel_kind"))
        )
    )


def contested_or_deferred(scores: pl.DataFrame, relabels: pl.DataFrame, auditor: str) -> pl.DataFrame:
    """By `uid` that this auditor relabelled, whether it is either, so that its inputs are `to_read` from the note.

    `scores` are `disagreement_scores`.
    """
    contested = scores.filter("likely_error", auditor=auditor).select("uid", contested=True)
    return (
        relabels.filter(pl.col("status") != "not_relabelled", auditor=auditor)
        .join(contested, on="uid", how="left")
        .select("uid", to_read=(pl.col("status") == "deferred") | pl.col("contested").fill_null(False))
    )
