"""Which labels physicians look at first: the order of review."""

import polars as pl

from medcalc_assets.labels.discrepancy import COMPARISONS, discrepancy
from medcalc_assets.labels.value import as_text, columns

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


def review_order(evidence: pl.DataFrame) -> pl.DataFrame:
    """The contested instances, the suspects and the undecided, in order of review: by `tier` and falling `severity`.

    `evidence` is `label_evidence`. Contested
    are the likely errors: an abstention against a value first, then dates by days apart, then numbers by discrepancy,
    ties by uid. Source: arXiv:2512.19691, section 5, which sorts N/A first and then by disagreement, with days and ratios
    in one column, so that dates came before nearly all numbers. We keep its order, unmixed. Suspects are
    contradicted by their own entities and by no relabel: there is none, or it agrees with the label. What the published rule
    gives is the candidate. The undecided have
    neither, or rest on an entity that cannot be meant.
    """
    contested, apart = pl.col("likely_error"), pl.col("published_date") - pl.col("label_date")
    agrees = ~contested.fill_null(True)
    by_entities = discrepancy(pl.col("label_number"), pl.col("published_number"))
    suspect = ~contested.fill_null(False) & (pl.col("contradicted") | pl.col("out_of_range"))
    doubt = pl.when("suspect").then(pl.lit("; an entity cannot be meant")).otherwise(pl.lit(""))
    by_rule = as_text("published").fill_null("no value")
    return (
        evidence.filter(~agrees | suspect | pl.col("suspect"))
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
            .then(pl.format("original {}, relabel {}", as_text("label"), as_text("relabel")))
            .when(suspect & agrees)
            .then(pl.format("original and relabel {}, its entities give {}", as_text("label"), by_rule))
            .when(suspect)
            .then(pl.format("original {}, no relabel, its entities give {}", as_text("label"), by_rule))
            .when(agrees)
            .then(pl.format("original and relabel {}{}", as_text("label"), doubt))
            .otherwise(pl.format("original {}, no relabel{}", as_text("label"), doubt)),
        )
        .sort("tier", "severity", "uid", descending=[False, True, False], nulls_last=True)
    )
