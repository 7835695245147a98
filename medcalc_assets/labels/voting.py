"""From single votes to a verdict: the supermajorities of arXiv:2512.19691, sections 3 and 4.2."""

import polars as pl

from medcalc_assets.labels.value import columns

RUNS = 5
SUPERMAJORITY = 4

USABLE = pl.col("status") == "ok"


def audit_verdicts(votes: pl.DataFrame) -> pl.DataFrame:
    """Phase 1, by instance and auditor: `n_votes` (usable), `n_flags` and `status`.

    `likely_error` iff at least 4 of the 5 votes say so; `passed` once at least 2 usable votes of 4 or more say it is
    right, so that no further vote could change it; else `undecided`. A failed vote is no vote.
    """
    n_votes, n_flags = pl.col("n_votes"), pl.col("n_flags")
    return (
        votes.group_by("uid", "auditor")
        .agg(n_votes=USABLE.sum(), n_flags=(USABLE & (pl.col("verdict") == "likely_error")).sum())
        .with_columns(
            status=pl.when(n_flags >= SUPERMAJORITY)
            .then(pl.lit("likely_error"))
            .when(n_votes >= SUPERMAJORITY, n_votes - n_flags > RUNS - SUPERMAJORITY)
            .then(pl.lit("passed"))
            .otherwise(pl.lit("undecided"))
        )
    )


def consensus(votes: pl.DataFrame) -> pl.DataFrame:
    """Phase 2, by instance and auditor: `n_votes` (usable), `n_agree`, `status` and the typed `relabel_*`.

    `high_confidence` iff at least 4 of the 5 answers agree in type and in value: numbers at two decimals (half away
    from zero), dates exactly, N/A with N/A. The relabel of any other instance is null and its status `deferred`, or
    `not_relabelled` when no answer could be used.
    """
    answer = columns("answer")
    relabel = dict(zip(columns("relabel"), answer, strict=True))
    agreed = pl.col("n_agree") >= SUPERMAJORITY
    return (
        votes.with_columns(
            # Adding zero makes -0.0 the same answer as 0.0.
            pl.col("answer_number").round(2, mode="half_away_from_zero") + 0.0
        )
        .group_by("uid", "auditor", *answer)
        .agg(n_agree=USABLE.sum())
        .sort("n_agree", "answer_kind", *answer[1:], descending=True, nulls_last=True)
        .group_by("uid", "auditor", maintain_order=True)
        .agg(pl.first(*answer), n_votes=pl.sum("n_agree"), n_agree=pl.first("n_agree"))
        .with_columns(pl.when(agreed).then(pl.col(source)).alias(target) for target, source in relabel.items())
        .with_columns(
            status=pl.when(agreed)
            .then(pl.lit("high_confidence"))
            .when(pl.col("n_votes") > 0)
            .then(pl.lit("deferred"))
            .otherwise(pl.lit("not_relabelled"))
        )
        .drop(answer)
    )
