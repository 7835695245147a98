"""What a maintained label may be used for, and how sure it is: as data, which every release carries."""

from typing import NamedTuple

import polars as pl

from medcalc_assets.labels.limits import SLACK


class Use(NamedTuple):
    """Whether a label may grade a model (`evaluation`) or train one (`reward`), and why."""

    evaluation: bool
    reward: bool
    why: str


USES = {
    "physician": Use(True, False, "a physician's blind answer grades; it is kept from training, so that it stays a test"),
    "physician_confirms": Use(True, False, "confirmed by a physician; kept from training, so that it stays a test"),
    "confirmed": Use(True, True, "original label and high-confidence relabel agree"),
    "relabelled": Use(True, True, "a high-confidence relabel; no physician has seen the case"),
    "ambiguous": Use(False, False, "several published conventions give several answers"),
    "unresolved": Use(False, False, "nobody has checked it"),
}
"""By the reason of the maintained label. No release permits training on the instances on which one reports."""
SIMULATED = Use(False, False, "simulated evidence: it says nothing of any real label")

CONFIDENCE = {
    "physician": "a physician computed it blind, or confirmed it",
    "two ways": "a high-confidence relabel, and the published rule on the benchmark's entities",
    "one way": "a high-confidence relabel; the published rule on the benchmark's entities gives something else, or nothing",
    "none": "unchecked, or several answers are defensible",
}


def use_of(reason: str, simulated: bool) -> Use:
    """The use of one maintained label."""
    return SIMULATED if simulated else USES[reason]


def uses() -> list[pl.Expr]:
    """`evaluation`, `reward` and `use_because` of the labels in a frame that has `reason` and `simulated`."""
    by_field = {field: {reason: getattr(use, field) for reason, use in USES.items()} for field in Use._fields}
    return [
        pl.when("simulated")
        .then(pl.lit(getattr(SIMULATED, field)))
        .otherwise(pl.col("reason").replace_strict(said, return_dtype=pl.String if field == "why" else pl.Boolean))
        .alias("use_because" if field == "why" else field)
        for field, said in by_field.items()
    ]


def confidence() -> pl.Expr:
    """A key of CONFIDENCE for the labels in a frame that has `reason`, `final_*`, limits and `published_*`."""
    slack = SLACK * pl.max_horizontal(1.0, pl.col("upper_number").abs())  # as of `accepts`
    number = pl.col("published_number").is_between(pl.col("lower_number") - slack, pl.col("upper_number") + slack)
    same = (
        pl.when(final_kind="number").then(number).otherwise(pl.col("published_date").eq_missing(pl.col("final_date")))
    ) & (pl.col("published_kind") == pl.col("final_kind"))
    reason = pl.col("reason")
    return (
        pl.when(reason.str.starts_with("physician"))
        .then(pl.lit("physician"))
        .when(reason.is_in(["ambiguous", "unresolved"]))
        .then(pl.lit("none"))
        .when(same.fill_null(False))
        .then(pl.lit("two ways"))
        .otherwise(pl.lit("one way"))
    )
