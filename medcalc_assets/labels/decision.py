"""The label from now on: a written rule over the evidence, with a reason for every label."""

import polars as pl

from medcalc_assets.labels.agreement import agrees, is_continuous
from medcalc_assets.labels.limits import accepted, limit_columns
from medcalc_assets.labels.simulated import is_simulated
from medcalc_assets.labels.value import as_text, columns

REASONS = {
    "physician": "a physician computed this value without having seen either label",
    "physician_confirms": "the relabel, from which a physician's blind answer differs by 5% at most",
    "physician_unexplained": "one physician's answer, which no rule, no label and no relabel gives: it needs a second one",
    "ambiguous": "the original label, which differs from the relabel by convention only: see the assumptions",
    "confirmed": "the original label, which a high-confidence relabel reaches and nothing contradicts",
    "relabelled": "a high-confidence relabel that contradicts the original label, and that the published rule gives, or "
    "that says what the note lacks",
    "contested": "a high-confidence relabel, one source against one: the rule gives something else from the entities, or "
    "nothing, or they cannot be meant",
    "contradicted": "no answer: its own entities, or the range of its score, contradict the original label; there is no "
    "relabel",
    "unresolved": "the original label, unchecked: no high-confidence relabel and no physician's answer",
}
"""Every reason why a maintained label has its value, in the order in which they are asked for."""
GIVEN_BY = {
    "physician": "physician",
    "physician_confirms": "relabel",
    "physician_unexplained": "physician",
    "ambiguous": "label",
    "confirmed": "label",
    "relabelled": "relabel",
    "contested": "relabel",
    "contradicted": "nobody",
    "unresolved": "label",
}
"""By reason, whose label it is, by column prefix of `label_evidence`."""


def maintain(evidence: pl.DataFrame) -> pl.DataFrame:
    """The label that each instance has from now on: `final_*`, `reason`, `state`, limits, `evidence`, and whether it is
    `simulated`. `evidence` is `label_evidence`.

    The first of REASONS that holds decides. A physician's label is final, but a continuous one within 5% of the relabel
    keeps the relabel, and a single value that nothing else gives stands as unexplained. Where label and relabel differ by
    convention only, the original label stays and is ambiguous, with what every published convention gives as its
    `assumptions`. A relabel that agrees confirms, unless the label's own entities contradict
    it or cannot be meant. A relabel that does not
    agree replaces the label: as `relabelled` where a second source stands beside it (the published rule gives it, or it is
    N/A and an input is not there), else as `contested`.
    """
    continuous = pl.any_horizontal(is_continuous(prefix) for prefix in ("physician", "label", "relabel"))
    confirms = continuous & pl.col("physician_number").is_not_null() & agrees("relabel", "physician", continuous)
    lacks = (pl.col("missing") != "[]") | (pl.col("not_in_note") != "[]")
    supersedes = pl.col("attribution") == "superseded"
    abstains = (pl.col("relabel_kind") == "na") & lacks
    error, suspect = pl.col("likely_error"), pl.col("suspect")
    contradicted = (pl.col("contradicted") & ~suspect) | pl.col("out_of_range")
    holds = {
        "physician_confirms": confirms,
        "physician_unexplained": ~pl.col("physician_explained"),
        "physician": pl.col("physician_kind").is_not_null(),
        "ambiguous": pl.col("attribution") == "convention",
        "confirmed": ~error & ~contradicted & ~suspect,
        "relabelled": error & (abstains | supersedes | (accepted("relabel", "published") & ~suspect)),
        "contested": error.is_not_null(),
        "contradicted": contradicted,
    }
    reason = pl.coalesce(
        *(pl.when(condition.fill_null(False)).then(pl.lit(name)) for name, condition in holds.items()), pl.lit("unresolved")
    )
    given_by = pl.col("reason").replace_strict(GIVEN_BY, return_dtype=pl.String)
    stays = (pl.col("reason") == "contested") & ~error  # the relabel agrees with it, and something else does not
    decided = pl.when(stays).then(pl.lit("label")).otherwise(given_by)
    return (
        evidence.with_columns(reason=reason)
        .with_columns(
            pl.when(decided == "physician")
            .then(pl.col(physician))
            .when(decided == "relabel")
            .then(pl.col(relabel))
            .when(decided == "label")
            .then(pl.col(label))
            .alias(final)
            for final, physician, relabel, label in zip(
                *map(columns, ("final", "physician", "relabel", "label")), strict=True
            )
        )
        .with_columns(
            *limit_columns("final"),
            simulated=is_simulated(),
            state=pl.when(pl.col("reason").is_in(["ambiguous", "contradicted"]))
            .then("reason")
            .when(final_kind="na")
            .then(pl.lit("not_computable"))
            .otherwise(pl.lit("computable")),
            assumptions=pl.when(reason="ambiguous").then("alternatives"),
            evidence=pl.struct(
                as_text("label").alias("original"),
                pl.col("verdict").alias("derivation"),
                pl.when(pl.col("findings") != "[]").then("findings").alias("findings"),
                as_text("published").alias("published_rule"),
                pl.when(pl.col("relabel_kind").is_not_null()).then("auditor").alias("auditor"),
                as_text("relabel").alias("relabel"),
                "comparison",
                "discrepancy",
                "days",
                "attribution",
                "reviewer",
                as_text("physician").alias("physician"),
            ).struct.json_encode(),
        )
    )
