"""Several auditors together: what they decide as a panel, by families, since models of one family err together."""

import polars as pl

from medcalc_assets.labels.families import FAMILIES, PANEL, family
from medcalc_assets.labels.value import columns
from medcalc_assets.labels.voting import asked, at_two_decimals, said


def panel_flags(flags: pl.DataFrame, auditors: list[str]) -> pl.DataFrame:
    """What these auditors' flags decide, in the columns of `audit_flags` that a panel has: `likely_error` or `passed` where
    auditors of FAMILIES families say so and none says otherwise, else `undecided`; `not_audited` without any vote."""
    verdict = pl.when(pl.col("status").is_in(["likely_error", "passed"])).then("status")
    return (
        _of(flags, auditors)
        .group_by("uid")
        .agg(
            pl.sum("n_votes", "n_flags"),
            verdict=verdict.drop_nulls().first(),
            verdicts=verdict.drop_nulls().n_unique(),
            families=pl.col("family").filter(verdict.is_not_null()).n_unique(),
        )
        .with_columns(
            auditor=pl.lit(PANEL),
            status=pl.when(pl.col("verdicts") == 1, pl.col("families") >= FAMILIES)
            .then("verdict")
            .when(pl.col("n_votes") > 0)
            .then(pl.lit("undecided"))
            .otherwise(pl.lit("not_audited")),
        )
    )


def panel_relabels(relabels: pl.DataFrame, auditors: list[str]) -> pl.DataFrame:
    """What these auditors' relabels decide, in the columns of `relabels` that a panel has: of high confidence where those of
    FAMILIES families are and have the same value, and no other has another; else `deferred`, or `not_relabelled`."""
    is_sure = pl.col("status") == "high_confidence"
    values = [pl.col(name).filter(is_sure) for name in columns("relabel")]
    return (
        _of(relabels, auditors)
        .with_columns(at_two_decimals(pl.col("relabel_number")))
        .group_by("uid")
        .agg(
            *(value.first() for value in values),
            pl.sum("n_votes"),
            n_agree=pl.col("n_agree").filter(is_sure).sum(),
            answered=(pl.col("status") != "not_relabelled").any(),
            different=pl.struct(columns("relabel")).filter(is_sure).n_unique(),
            families=pl.col("family").filter(is_sure).n_unique(),
        )
        .with_columns(agreed=(pl.col("different") == 1) & (pl.col("families") >= FAMILIES))
        .with_columns(pl.when("agreed").then(name).alias(name) for name in columns("relabel"))
        .with_columns(
            auditor=pl.lit(PANEL),
            status=pl.when("agreed")
            .then(pl.lit("high_confidence"))
            .when("answered")
            .then(pl.lit("deferred"))
            .otherwise(pl.lit("not_relabelled")),
        )
    )


def panel_asked(votes: pl.DataFrame, auditors: list[str]) -> pl.DataFrame:
    """Who of the panel was asked what: see `voting.asked`."""
    return asked(_of(votes, auditors).with_columns(auditor=pl.lit(PANEL)))


def panel_said(votes: pl.DataFrame, auditors: list[str]) -> pl.DataFrame:
    """The answers of all votes of the panel: see `voting.said`."""
    return said(_of(votes, auditors).with_columns(auditor=pl.lit(PANEL)))


def _of(frame: pl.DataFrame, auditors: list[str]) -> pl.DataFrame:
    families = pl.DataFrame({"auditor": auditors, "family": [family(auditor) for auditor in auditors]})
    return frame.join(families, on="auditor")
