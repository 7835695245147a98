"""What every source says of a label, in one row: what decides on it, queues it, tells of it and counts it reads this."""

import json
from typing import Any

import polars as pl

from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import NA, columns, from_row

SEEN = [
    *("output_type", "alternatives", "n_answers_agree"),
    *(name for prefix in ("label", "published", "relabel", "physician") for name in columns(prefix)),
]
"""What tells whether something else gives the physicians' answer."""


def gather(
    audits: pl.DataFrame,
    flags: pl.DataFrame,
    relabels: pl.DataFrame,
    scores: pl.DataFrame,
    physicians: pl.DataFrame,
    auditor: str,
) -> pl.DataFrame:
    """Rows of `label_evidence`: of every instance the derivation audit, and beside it what is known of the `auditor` that
    counts, of the other auditors (as JSON) and of the physicians.

    `audits` has a row per instance, `physicians` at most one, the others at most one per instance and auditor.
    """
    of_auditor = pl.col("auditor") == auditor
    compared = ("comparison", "discrepancy", "days", "likely_error", "attribution", "attribution_evidence")
    return (
        audits.rename({"likely_error": "contradicted"})
        .with_columns(auditor=pl.lit(auditor))
        .join(
            flags.filter(of_auditor).select("uid", "n_flags", audit_status="status", n_audits="n_votes"),
            on="uid",
            how="left",
            validate="1:1",
        )
        .join(
            relabels.filter(of_auditor).select("uid", "n_votes", "n_agree", *columns("relabel"), relabel_status="status"),
            on="uid",
            how="left",
            validate="1:1",
        )
        .join(scores.filter(of_auditor).select("uid", *compared), on="uid", how="left", validate="1:1")
        .join(
            physicians.select("uid", "reviewer", *columns("physician"), "n_answers", n_answers_agree="n_agree"),
            on="uid",
            how="left",
            validate="1:1",
        )
        .with_columns(
            physician_explained=pl.struct(SEEN).map_elements(_explained, return_dtype=pl.Boolean, skip_nulls=False)
        )
    )


def _explained(row: dict[str, Any]) -> bool | None:
    """Whether anything else gives the physicians' answer, or reviewers agree on it; None where there is none.

    N/A needs nobody: it says what the note lacks.
    """
    answer = from_row(row, "physician")
    if answer is None:
        return None
    others = [from_row(row, prefix) for prefix in ("label", "published", "relabel")]
    others += [parse_label(text) for text in json.loads(row["alternatives"]).values() if text]
    return (
        answer == NA
        or row["n_answers_agree"] > 1
        or any(each and accepts(answer, each, row["output_type"]) for each in others)
    )
