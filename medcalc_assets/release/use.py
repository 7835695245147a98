"""What a maintained label may be used for, and how sure it is: as data, which every release carries."""

from typing import NamedTuple

import polars as pl


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
    names = {"evaluation": pl.Boolean(), "reward": pl.Boolean(), "use_because": pl.String()}
    return [
        pl.when("simulated")
        .then(pl.lit(SIMULATED[place]))
        .otherwise(pl.col("reason").replace_strict({reason: use[place] for reason, use in USES.items()}, return_dtype=dtype))
        .alias(name)
        for place, (name, dtype) in enumerate(names.items())
    ]


def confidence() -> pl.Expr:
    """A key of CONFIDENCE for the labels in a frame that has `reason`, `final_*`, limits and `published_*`."""
    number = pl.col("published_number").is_between("lower_number", "upper_number")
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
