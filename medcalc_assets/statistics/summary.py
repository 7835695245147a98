"""The figures of the whole benchmark, by calculator."""

from collections.abc import Mapping

import polars as pl

from medcalc_assets.labels.attribution import CAUSES
from medcalc_assets.labels.queue import SUSPECT_DATE, SUSPECT_NUMBER
from medcalc_assets.labels.value import columns

NEEDED: dict[str, list[str]] = {
    "label_evidence": [
        *("uid", "auditor", "contradicted", *columns("label"), "audit_status", "relabel_status"),
        *("comparison", "likely_error", "attribution"),
    ],
    "adjudication_queue": ["tier"],
    "maintained_labels": ["uid", "state", "reason", *columns("final")],
}
"""The tables that the figures are counted from, and the columns that they take, besides the calculator's."""
KEYS = ["calculator_id", "calculator"]


def summarise(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """One row per calculator that has instances: the counts of `benchmark_summary`, for the auditor that counts.

    `tables` are those of NEEDED.
    """
    error, comparison, tier = pl.col("likely_error"), pl.col("comparison"), pl.col("tier")
    final_is_original = pl.all_horizontal(
        pl.col(final).eq_missing(pl.col(label)) for final, label in zip(columns("final"), columns("label"), strict=True)
    )
    evidence = tables["label_evidence"]
    maintained = tables["maintained_labels"].join(evidence.select("uid", *columns("label")), on="uid")
    parts = [
        _counts(
            evidence,
            auditor=pl.col("auditor").first(),
            instances=pl.len(),
            contradicted=pl.col("contradicted").sum(),
            audit_flags=(pl.col("audit_status") == "likely_error").sum(),
            high_confidence=(pl.col("relabel_status") == "high_confidence").sum(),
            deferred=(pl.col("relabel_status") == "deferred").sum(),
            likely_errors=error.sum(),
            contested_numbers=(error & (comparison == "relative")).sum(),
            contested_dates=(error & (comparison == "days")).sum(),
            contested_abstentions=(error & comparison.is_in(["abstention", "type"])).sum(),
            **{cause: (pl.col("attribution") == cause).sum() for cause in CAUSES},
        ),
        _counts(tables["adjudication_queue"], suspects=tier.is_in([SUSPECT_DATE, SUSPECT_NUMBER]).sum()),
        _counts(
            maintained,
            physician_labels=pl.col("reason").str.starts_with("physician").sum(),
            changed=(pl.col("final_kind").is_not_null() & ~final_is_original).sum(),
            not_computable=(pl.col("state") == "not_computable").sum(),
            ambiguous=(pl.col("state") == "ambiguous").sum(),
            unresolved=(pl.col("reason") == "unresolved").sum(),
        ),
    ]
    summary, *others = parts
    for part in others:
        summary = summary.join(part, on=KEYS, how="left")
    return summary.with_columns(pl.col(pl.UInt32).fill_null(0).cast(pl.Int32)).sort("calculator_id")


def totals(figures: pl.DataFrame) -> dict[str, int]:
    """The counts of `summarise` over all its calculators, and how many of them have a likely error."""
    counts = figures.select(pl.col(pl.Int32).exclude("calculator_id")).sum().row(0, named=True)
    return counts | {"calculators_with_errors": figures.filter(pl.col("likely_errors") > 0).height}


def _counts(frame: pl.DataFrame, **figures: pl.Expr) -> pl.DataFrame:
    return frame.group_by(KEYS).agg(**figures)
