"""Which labels physicians look at first, and what their answer does to a label."""

import polars as pl

from medcalc_assets.labels.agreement import agrees, is_continuous
from medcalc_assets.labels.discrepancy import COMPARISONS
from medcalc_assets.labels.limits import limit_columns
from medcalc_assets.labels.value import as_text, columns

REASONS = {
    "physician": "a physician computed this value without having seen either label",
    "physician_confirms": "the relabel, from which a physician's blind answer differs by 5% at most",
    "confirmed": "the released label, which a high-confidence relabel reaches",
    "relabelled": "a high-confidence relabel that contradicts the released label",
    "unresolved": "the released label, unchecked: no high-confidence relabel and no physician's answer",
}
"""Every reason why a maintained label has its value. `unresolved` is never to be presented as checked."""


def review_order(scores: pl.DataFrame) -> pl.DataFrame:
    """The likely errors in order of review, with `tier` and `severity`, which order them across calculators too.

    An abstention against a value comes first (tier 0), then a number against a date, dates by days apart, and numbers
    by discrepancy; ties by uid. Source: arXiv:2512.19691, section 5, which sorts N/A first and then by disagreement,
    with days and ratios in one column, so that dates came before nearly all numbers. We keep its order, unmixed.
    """
    comparison = pl.col("comparison")
    apart = (
        pl.when(comparison == "days")
        .then(pl.format("{} days apart", pl.col("days")))
        .when(comparison == "relative")
        .then(pl.format("{}% apart", (100 * pl.col("discrepancy")).round(1)))
        .when(comparison == "type")
        .then(pl.lit("a number against a date"))
        .otherwise(pl.lit("computable or not"))
    )
    return (
        scores.filter("likely_error")
        .with_columns(
            tier=comparison.replace_strict(COMPARISONS, range(len(COMPARISONS)), return_dtype=pl.Int32),
            severity=pl.coalesce(pl.col("days").cast(pl.Float64), "discrepancy"),
            why=pl.format("released {}, {} finds {}: {}", as_text("label"), pl.col("auditor"), as_text("relabel"), apart),
        )
        .sort("tier", "severity", "uid", descending=[False, True, False], nulls_last=True)
    )


def maintain(labels: pl.DataFrame, scores: pl.DataFrame, physicians: pl.DataFrame) -> pl.DataFrame:
    """The label that each instance has from now on: `final_*`, `reason` (see REASONS), `state`, limits, `evidence`.

    `labels` has a row per instance, `scores` at most one (of the auditor that counts) and `physicians` at most one.
    The first that holds decides: a physician's label is final, except that a continuous one within 5% of the relabel
    keeps the relabel; a high-confidence relabel that is no likely error confirms the released label; one that is a
    likely error replaces it; all else stays as released and is unresolved.
    """
    joined = labels.join(
        scores.select("uid", "auditor", "comparison", "discrepancy", "days", "likely_error", *columns("relabel")),
        on="uid",
        how="left",
        validate="1:1",
    ).join(physicians.select("uid", "reviewer", *columns("physician")), on="uid", how="left", validate="1:1")
    continuous = pl.any_horizontal(is_continuous(prefix) for prefix in ("physician", "label", "relabel"))
    confirms = continuous & pl.col("physician_number").is_not_null() & agrees("relabel", "physician", continuous)
    reason = pl.col("reason")
    decided = (
        pl.when(reason == "physician")
        .then(pl.lit("physician"))
        .when(reason.is_in(["physician_confirms", "relabelled"]))
        .then(pl.lit("relabel"))
        .otherwise(pl.lit("label"))
    )
    return (
        joined.with_columns(
            reason=pl.when(confirms.fill_null(False))
            .then(pl.lit("physician_confirms"))
            .when(pl.col("physician_kind").is_not_null())
            .then(pl.lit("physician"))
            .when(~pl.col("likely_error"))
            .then(pl.lit("confirmed"))
            .when(pl.col("likely_error"))
            .then(pl.lit("relabelled"))
            .otherwise(pl.lit("unresolved"))
        )
        .with_columns(
            pl.when(decided == "physician")
            .then(pl.col(physician))
            .when(decided == "relabel")
            .then(pl.col(relabel))
            .otherwise(pl.col(label))
            .alias(final)
            for final, physician, relabel, label in zip(
                *map(columns, ("final", "physician", "relabel", "label")), strict=True
            )
        )
        .with_columns(
            *limit_columns("final"),
            state=pl.when(final_kind="na").then(pl.lit("not_computable")).otherwise(pl.lit("computable")),
            evidence=pl.struct(
                as_text("label").alias("released"),
                "auditor",
                as_text("relabel").alias("relabel"),
                "comparison",
                "discrepancy",
                "days",
                "reviewer",
                as_text("physician").alias("physician"),
            ).struct.json_encode(),
        )
    )
