"""The figures of the whole benchmark, by calculator."""

import polars as pl

from medcalc_assets.labels.value import columns


def summarise(
    labels: pl.DataFrame,
    flags: pl.DataFrame,
    relabels: pl.DataFrame,
    scores: pl.DataFrame,
    physicians: pl.DataFrame,
    maintained: pl.DataFrame,
    auditor: str,
) -> pl.DataFrame:
    """One row a calculator that has instances: the counts of `benchmark_summary`, for the auditor that counts."""
    keys = ["calculator_id", "calculator"]
    contested = pl.col("likely_error")
    final_is_released = pl.all_horizontal(
        pl.col(final).eq_missing(pl.col(label)) for final, label in zip(columns("final"), columns("label"), strict=True)
    )

    def counts(frame: pl.DataFrame, **figures: pl.Expr) -> pl.DataFrame:
        return frame.group_by(keys).agg(**figures)

    parts = [
        counts(flags.filter(auditor=auditor), audit_flags=(pl.col("status") == "likely_error").sum()),
        counts(
            relabels.filter(auditor=auditor),
            high_confidence=(pl.col("status") == "high_confidence").sum(),
            deferred=(pl.col("status") == "deferred").sum(),
        ),
        counts(
            scores.filter(auditor=auditor),
            contested_numbers=(contested & (pl.col("comparison") == "relative")).sum(),
            contested_dates=(contested & (pl.col("comparison") == "days")).sum(),
            contested_abstentions=(contested & pl.col("comparison").is_in(["abstention", "type"])).sum(),
        ),
        counts(physicians, physician_labels=pl.col("uid").n_unique()),
        counts(
            maintained.join(labels.drop(keys), on="uid"),
            changed=(~final_is_released).sum(),
            not_computable=(pl.col("state") == "not_computable").sum(),
            unresolved=(pl.col("reason") == "unresolved").sum(),
        ),
    ]
    summary = counts(labels, instances=pl.len()).with_columns(auditor=pl.lit(auditor))
    for part in parts:
        summary = summary.join(part, on=keys, how="left")
    return summary.with_columns(pl.col(pl.UInt32).fill_null(0).cast(pl.Int32)).sort("calculator_id")
