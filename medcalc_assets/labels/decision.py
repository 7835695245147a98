"""The label from now on: a written rule over the evidence, with a reason for every label."""

import polars as pl

from medcalc_assets.labels.agreement import agrees, is_continuous
from medcalc_assets.labels.limits import limit_columns
from medcalc_assets.labels.simulated import is_simulated
from medcalc_assets.labels.value import as_text, columns

REASONS = {
    "physician": "a physician computed this value without having seen either label",
    "physician_confirms": "the relabel, from which a physician's blind answer differs by 5% at most",
    "ambiguous": "the original label, which differs from the relabel by convention only: see the assumptions",
    "confirmed": "the original label, which a high-confidence relabel reaches",
    "relabelled": "a high-confidence relabel that contradicts the original label",
    "unresolved": "the original label, unchecked: no high-confidence relabel and no physician's answer",
}
"""Every reason why a maintained label has its value. `unresolved` is never to be presented as checked."""


def maintain(evidence: pl.DataFrame) -> pl.DataFrame:
    """The label that each instance has from now on: `final_*`, `reason` (see REASONS), `state`, limits, `evidence`, and
    whether it is `simulated`. `evidence` is `label_evidence`.

    The first that holds decides: a physician's label is final, except that a continuous one within 5% of
    the relabel keeps the relabel; where label and relabel differ only by convention, the original label stays and is
    ambiguous, with what every published convention gives as its `assumptions`; a high-confidence relabel that is no
    likely error confirms the original label; one that is a likely error replaces it; all else stays as it was and is
    unresolved.
    """
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
        evidence.with_columns(
            reason=pl.when(confirms.fill_null(False))
            .then(pl.lit("physician_confirms"))
            .when(pl.col("physician_kind").is_not_null())
            .then(pl.lit("physician"))
            .when(attribution="convention")
            .then(pl.lit("ambiguous"))
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
            simulated=is_simulated(),
            state=pl.when(reason == "ambiguous")
            .then(pl.lit("ambiguous"))
            .when(final_kind="na")
            .then(pl.lit("not_computable"))
            .otherwise(pl.lit("computable")),
            assumptions=pl.when(reason == "ambiguous").then("alternatives"),
            evidence=pl.struct(
                as_text("label").alias("original"),
                pl.col("verdict").alias("derivation"),
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
