"""Which labels physicians look at first, and what their answer does to a label."""

import polars as pl

from medcalc_assets.labels.agreement import agrees, is_continuous
from medcalc_assets.labels.discrepancy import COMPARISONS, discrepancy
from medcalc_assets.labels.limits import limit_columns
from medcalc_assets.labels.value import as_text, columns

REASONS = {
    "physician": "a physician computed this value without having seen either label",
    "physician_confirms": "the relabel, from which a physician's blind answer differs by 5% at most",
    "ambiguous": "the released label, which differs from the relabel by convention only: see the assumptions",
    "confirmed": "the released label, which a high-confidence relabel reaches",
    "relabelled": "a high-confidence relabel that contradicts the released label",
    "unresolved": "the released label, unchecked: no high-confidence relabel and no physician's answer",
}
"""Every reason why a maintained label has its value. `unresolved` is never to be presented as checked."""

TIERS = (
    "an abstention against a value",
    "a number against a date",
    "two dates, by days apart",
    "two numbers, by discrepancy",
    "a suspect date",
    "a suspect number",
    "undecided",
)
"""The order of review: the contested (in the order of COMPARISONS), the suspects, and the rest without a relabel."""
SUSPECT_DATE, SUSPECT_NUMBER, UNDECIDED = range(len(COMPARISONS), len(TIERS))


def review_order(labels: pl.DataFrame, scores: pl.DataFrame, audits: pl.DataFrame) -> pl.DataFrame:
    """The contested instances, the suspects and the undecided, in order of review: by `tier` and falling `severity`.

    `labels` has a row per instance, `scores` those of the auditor that counts, `audits` the derivation audits. Contested
    are the likely errors: an abstention against a value first, then dates by days apart, then numbers by discrepancy,
    ties by uid. Source: arXiv:2512.19691, section 5, which sorts N/A first and then by disagreement, with days and ratios
    in one column, so that dates came before nearly all numbers. We keep its order, unmixed. Suspects have no relabel, but
    their own entities contradict their label; what the published rule gives is the candidate. The undecided have neither.
    """
    contested, apart = pl.col("likely_error"), pl.col("published_date") - pl.col("label_date")
    by_entities = discrepancy(pl.col("label_number"), pl.col("published_number"))
    suspect = contested.is_null() & pl.col("contradicted")
    compared = scores.select("uid", "likely_error", "comparison", "discrepancy", "days", *columns("relabel"))
    recomputed = audits.select("uid", *columns("published"), contradicted="likely_error")
    return (
        labels.join(compared, on="uid", how="left")
        .join(recomputed, on="uid")
        .filter(contested.fill_null(True))
        .with_columns(
            *(
                pl.when(contested).then(pl.col(relabel)).when(suspect).then(pl.col(published)).alias(candidate)
                for candidate, relabel, published in zip(*map(columns, ("candidate", "relabel", "published")), strict=True)
            ),
            tier=pl.when(contested)
            .then(pl.col("comparison").replace_strict(COMPARISONS, range(len(COMPARISONS)), return_dtype=pl.Int32))
            .when(suspect)
            .then(pl.when(apart.is_null()).then(SUSPECT_NUMBER).otherwise(SUSPECT_DATE))
            .otherwise(UNDECIDED),
            severity=pl.when(contested)
            .then(pl.coalesce(pl.col("days").cast(pl.Float64), "discrepancy"))
            .when(suspect)
            .then(pl.coalesce(apart.dt.total_days().abs().cast(pl.Float64), by_entities)),
            why=pl.when(contested)
            .then(pl.format("released {}, relabel {}", as_text("label"), as_text("relabel")))
            .when(suspect)
            .then(pl.format("released {}, no relabel, its entities give {}", as_text("label"), as_text("published")))
            .otherwise(pl.format("released {}, no relabel", as_text("label"))),
        )
        .sort("tier", "severity", "uid", descending=[False, True, False], nulls_last=True)
    )


def maintain(labels: pl.DataFrame, scores: pl.DataFrame, physicians: pl.DataFrame, audits: pl.DataFrame) -> pl.DataFrame:
    """The label that each instance has from now on: `final_*`, `reason` (see REASONS), `state`, limits, `evidence`.

    `labels` has a row per instance, `scores` at most one (of the auditor that counts), `physicians` at most one, `audits`
    one. The first that holds decides: a physician's label is final, except that a continuous one within 5% of the relabel
    keeps the relabel; where label and relabel differ only by convention, the released label stays and is ambiguous, with
    what every published convention gives as its `assumptions`; a high-confidence relabel that is no likely error confirms
    the released label; one that is a likely error replaces it; all else stays as released and is unresolved.
    """
    joined = (
        labels.join(
            scores.select(
                *("uid", "auditor", "comparison", "discrepancy", "days", "likely_error", "attribution"), *columns("relabel")
            ),
            on="uid",
            how="left",
            validate="1:1",
        )
        .join(physicians.select("uid", "reviewer", *columns("physician")), on="uid", how="left", validate="1:1")
        .join(audits.select("uid", "verdict", "alternatives", *columns("published")), on="uid", how="left", validate="1:1")
    )
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
            state=pl.when(reason == "ambiguous")
            .then(pl.lit("ambiguous"))
            .when(final_kind="na")
            .then(pl.lit("not_computable"))
            .otherwise(pl.lit("computable")),
            assumptions=pl.when(reason == "ambiguous").then("alternatives"),
            evidence=pl.struct(
                as_text("label").alias("released"),
                pl.col("verdict").alias("derivation"),
                as_text("published").alias("published_rule"),
                "auditor",
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
