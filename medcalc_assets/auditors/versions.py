"""Under which versions the models were served, and where the votes of several stand side by side."""

import polars as pl


def versions_of(calls: pl.DataFrame) -> pl.DataFrame:
    """Rows of `auditor_versions`, of rows of `llm_calls`."""
    told = calls.filter(pl.col("model_version").is_not_null())
    votes = told.filter(pl.col("fault").is_null()).select("auditor", "task", "uid", "model_version").unique()
    several = votes.filter(pl.len().over("auditor", "task", "uid") > 1)
    mixed = several.group_by("auditor", "model_version").agg(mixed=pl.col("uid").n_unique())
    return (
        told.group_by("auditor", "model_version")
        .agg(first_at=pl.col("requested_at").min(), last_at=pl.col("requested_at").max(), calls=pl.len())
        .join(mixed, on=["auditor", "model_version"], how="left")
        .with_columns(pl.col("mixed").fill_null(0))
        .sort("auditor", "first_at")
    )
