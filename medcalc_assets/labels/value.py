"""What a label is: a number, a date, or the statement that the question cannot be answered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # polars takes longer to import than a calculator takes, which does without frames
    import polars as pl

Kind = Literal["number", "date", "na"]
OutputType = Literal["decimal", "integer", "date"]


@dataclass(frozen=True, slots=True)
class Label:
    """One label value, in the three columns (`*_kind`, `*_number`, `*_date`) in which every table holds it.

    `na` is an answer ("cannot be computed from this note"). That there is no answer is `None` instead of a `Label`.
    A gestational age is its number of days.
    """

    kind: Kind
    number: float | None = None
    date: dt.date | None = None

    def __str__(self) -> str:
        if self.date is not None:
            return f"{self.date:%m/%d/%Y}"
        return "N/A" if self.number is None else f"{self.number:.10g}"


NA = Label("na")


def number(value: float) -> Label:
    return Label("number", number=float(value))


def day(value: dt.date) -> Label:
    return Label("date", date=value)


def columns(prefix: str) -> list[str]:
    """The names of the three columns that hold a label."""
    return [f"{prefix}_kind", f"{prefix}_number", f"{prefix}_date"]


def from_row(row: Mapping[str, Any], prefix: str) -> Label | None:
    """The label in the three columns of a row; None for no answer."""
    kind, value, date = (row[name] for name in columns(prefix))
    return Label(kind, value, date) if kind else None


def as_columns(prefix: str, labels: Iterable[Label | None]) -> dict[str, list[Any]]:
    """Labels as three columns; no answer is null in all three."""
    rows = [(label.kind, label.number, label.date) if label else (None, None, None) for label in labels]
    return {name: [row[i] for row in rows] for i, name in enumerate(columns(prefix))}


def as_frame(prefix: str, labels: Iterable[Label | None]) -> pl.DataFrame:
    """Labels as a frame of three columns."""
    import polars as pl

    schema = zip(columns(prefix), (pl.String, pl.Float64, pl.Date), strict=True)
    return pl.DataFrame(as_columns(prefix, labels), schema=dict(schema))


def as_text(prefix: str) -> pl.Expr:
    """A label held in three columns, as a person reads it: `11`, `-0.37`, `09/23/2014`, `N/A`; null for no answer."""
    import polars as pl

    kind, value, date = (pl.col(name) for name in columns(prefix))
    whole = value.cast(pl.Int64, strict=False)
    return (
        pl.when(kind == "na")
        .then(pl.lit("N/A"))
        .when(value == whole)
        .then(whole.cast(pl.String))
        .when(value.is_not_null())
        .then(value.cast(pl.String))
        .otherwise(date.dt.strftime("%m/%d/%Y"))
    )
