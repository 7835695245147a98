"""Which answers a label accepts, as MedCalc-Bench v1.0 grades them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medcalc_assets.labels.value import Label, OutputType

if TYPE_CHECKING:
    import polars as pl

TOLERANCE = 0.05
SLACK = 1e-9
"""What floating point may add: absolute up to 1, so that 6.6e-16 is 0, and relative beyond."""


def limits(label: Label, output_type: OutputType) -> tuple[float, float] | None:
    """Lowest and highest accepted number, or None where only the label itself is accepted and it is no number.

    Decimals: ±5% of the value, lower < upper also for negative labels; a label of 0 accepts 0 alone. Integers (a
    gestational age in days included): exact. Dates and N/A: exact, so there are no numbers to give.
    Source: MedCalc-Bench v1.0 (Khandekar et al. 2024), columns `Lower Limit` and `Upper Limit`.
    """
    if label.number is None:
        return None
    margin = TOLERANCE * abs(label.number) if output_type == "decimal" else 0.0
    return label.number - margin, label.number + margin


def limit_columns(prefix: str) -> list[pl.Expr]:
    """`lower_number` and `upper_number` of the labels in a frame that has `output_type`: `limits`, by column."""
    import polars as pl

    value = pl.col(f"{prefix}_number")
    margin = pl.when(output_type="decimal").then(TOLERANCE * value.abs()).otherwise(0.0)
    return [(value - margin).alias("lower_number"), (value + margin).alias("upper_number")]


def accepted(truth: str, answer: str) -> pl.Expr:
    """Whether one label (given by column prefix) accepts another, in a frame that has `output_type`: `accepts`, by column.

    False where either is no answer.
    """
    import polars as pl

    value = pl.col(f"{truth}_number")
    margin = pl.when(output_type="decimal").then(TOLERANCE * value.abs()).otherwise(0.0)
    near = (pl.col(f"{answer}_number") - value).abs() <= margin + SLACK * pl.max_horizontal(1.0, (value + margin).abs())
    same = pl.when(value.is_not_null()).then(near).otherwise(pl.col(f"{truth}_date").eq_missing(pl.col(f"{answer}_date")))
    return (same & (pl.col(f"{truth}_kind") == pl.col(f"{answer}_kind"))).fill_null(False)


def accepts(label: Label, answer: Label, output_type: OutputType) -> bool:
    """Whether `answer` counts as right when `label` is the truth: by `limits`.

    Args:
        label: The truth.
        answer: What is graded; `parse_label` reads it from a text.
        output_type: Of the calculator: `decimal`, `integer` or `date`.

    Returns:
        True if the answer is within the limits, or is the same date or N/A.

    >>> accepts(Label("number", 25.0), Label("number", 24.0), "decimal")
    True
    >>> accepts(Label("number", 25.0), Label("number", 24.0), "integer")
    False
    """
    return within(limits(label, output_type), label, answer)


def within(bounds: tuple[float, float] | None, label: Label, answer: Label) -> bool:
    """Whether `answer` lies within the limits of a label, or is the same where it has none."""
    if bounds is None or answer.number is None:
        return answer == label
    slack = SLACK * max(1.0, abs(bounds[1]))
    return bounds[0] - slack <= answer.number <= bounds[1] + slack
