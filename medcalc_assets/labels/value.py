"""What a label is: a number, a date, or the statement that the question cannot be answered."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

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
    date: date | None = None

    def __str__(self) -> str:
        if self.date is not None:
            return f"{self.date:%m/%d/%Y}"
        return "N/A" if self.number is None else f"{self.number:.10g}"


NA = Label("na")


def number(value: float) -> Label:
    return Label("number", number=float(value))


def day(value: date) -> Label:
    return Label("date", date=value)
