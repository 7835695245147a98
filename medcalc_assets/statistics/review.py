"""In which order physicians may look at the labels, why, and what an answer would be worth."""

import polars as pl

from medcalc_assets.labels.queue import review_order
from medcalc_assets.statistics.error_model import SHARED, probability_wrong
from medcalc_assets.statistics.strata import STRATA, right


def with_probability(evidence: pl.DataFrame) -> pl.DataFrame:
    """`label_evidence` with `probability_wrong`, P(the original label is wrong)."""
    return evidence.with_columns(probability_wrong(evidence))


def review_orders(evidence: pl.DataFrame) -> pl.DataFrame:
    """Rows of `review_orders` from `label_evidence`: of each label that no physician has answered its place in the orders
    `paper` (see `review_order`) and `likely` (by falling P(wrong)), why, and what an answer is worth.
    """
    queue = review_order(evidence).select("uid", paper=pl.int_range(1, pl.len() + 1))
    figures = {"wrong": pl.col("wrong").sum(), "seen": pl.col("wrong").count(), "left": pl.col("wrong").null_count()}
    known = (
        with_probability(evidence)
        .with_columns(kind=pl.col("stratum").replace(SHARED), wrong=~right("label", "paper"))
        .with_columns(
            figure.over(by).alias(f"{name}_{of}")
            for of, by in {"kind": ["kind"], "own": ["kind", "calculator"]}.items()
            for name, figure in figures.items()
        )
    )
    found = pl.format("physicians found {} of {} such labels wrong", "wrong_kind", "seen_kind")
    of_own = pl.format(", {} of {} of this calculator", "wrong_own", "seen_own")
    return (
        known.filter(pl.col("physician_kind").is_null())
        .sort("probability_wrong", "uid", descending=[True, False])
        .with_columns(likely=pl.int_range(1, pl.len() + 1))
        .join(queue, on="uid", how="left", validate="1:1")
        .with_columns(
            why=pl.concat_str(
                pl.col("stratum").replace_strict(STRATA),
                pl.when(pl.col("stratum") != pl.col("kind"))
                .then(pl.lit("; nobody has seen such; of those that a relabel contradicts, too, "))
                .otherwise(pl.lit("; ")),
                pl.when(pl.col("seen_kind") > 0).then(found).otherwise(pl.lit("nobody has seen one")),
                pl.when(pl.col("seen_own") > 0).then(of_own).otherwise(pl.lit("")),
            ),
            worth=pl.format(
                "finds a wrong label with a probability of {}; {} others learn from it, {} of them of this calculator",
                pl.col("probability_wrong").round(2),
                pl.col("left_kind") - 1,
                pl.col("left_own") - 1,
            ),
        )
    )
