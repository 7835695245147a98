"""Strata of the original labels, by what the relabel and the label's own entities say, and how often each was right."""

from typing import Literal

import polars as pl

from medcalc_assets.labels.agreement import agrees, is_continuous
from medcalc_assets.labels.limits import accepted

Terms = Literal["paper", "limits"]
"""By which a label agrees with a physician's: those of arXiv:2512.19691 (`agrees`), or a grader's (`accepts`)."""

STRATA = {
    "A": "the relabel is N/A",
    "B": "a relabel and its own entities contradict it",
    "C": "the relabel follows another published convention",
    "D": "a relabel contradicts it; its own entities give it, or no value",
    "E": "the relabel is another date",
    "F": "the relabel agrees",
    "G": "no relabel; its own entities contradict it",
    "H": "no relabel; its own entities give it, or no value",
}
"""By letter, what is known of an original label before a physician looks."""
JUDGED = ("original", "relabel", "published")
"""Whose values are held against the physicians': v1.0's, the auditor's, and the published rule's."""


def stratum() -> pl.Expr:
    """A key of STRATA, the first that holds in the order G, H, F, A, E, B, C, D, for a frame with `contradicted` (by its own
    entities), `relabel_kind`, `likely_error`, `comparison` and `attribution` of the auditor that counts."""
    unlabelled = pl.col("relabel_kind").is_null()
    holds = {
        "G": unlabelled & pl.col("contradicted"),
        "H": unlabelled,
        "F": ~pl.col("likely_error"),
        "A": pl.col("relabel_kind") == "na",
        "E": pl.col("comparison") == "days",
        "B": pl.col("contradicted"),
        "C": pl.col("attribution") == "convention",
    }
    letters = (pl.when(condition.fill_null(False)).then(pl.lit(letter)) for letter, condition in holds.items())
    return pl.coalesce(*letters, pl.lit("D"))


def right(judged: str, terms: Terms) -> pl.Expr:
    """Whether the label with this column prefix agrees with the physician's; null where no physician has answered.

    The frame has `output_type`, `label_*`, `relabel_*` and `physician_*`. By the paper's terms an instance is continuous
    if the physician's, the original or the relabel is; by the limits the physician's answer is the truth that accepts.
    """
    continuous = pl.any_horizontal(is_continuous(prefix) for prefix in ("physician", "label", "relabel"))
    agree = agrees(judged, "physician", continuous) if terms == "paper" else accepted("physician", judged)
    return pl.when(pl.col("physician_kind").is_not_null()).then(agree.fill_null(False))


def counted(evidence: pl.DataFrame, by: pl.Expr | None = None) -> pl.DataFrame:
    """Per stratum (or `by` another grouping, as column `stratum`): `n` labels, those `seen` by physicians, and how many of
    these were right by each of JUDGED and Terms, such as `original_paper`."""
    columns = dict(zip(JUDGED, ("label", "relabel", "published"), strict=True))
    counts = {
        f"{name}_{terms}": right(prefix, terms).sum() for name, prefix in columns.items() for terms in ("paper", "limits")
    }
    return (
        evidence.group_by(stratum=stratum() if by is None else by)
        .agg(n=pl.len(), seen=pl.col("physician_kind").count(), **counts)
        .sort("stratum")
    )
