"""What a model's reply says: one value, an abstention, or why neither can be read. It evaluates nothing and guesses nothing.

`parse_label` reads a cell, which is one label; a reply is prose with a label somewhere in it. A wrong value is worse than
none: what is not said plainly is `unreadable`.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from medcalc_assets.labels.value import Label

Outcome = Literal["value", "abstained", "unreadable", "harness_error", "missing"]
OUTCOMES: tuple[Outcome, ...] = ("value", "abstained", "unreadable", "harness_error", "missing")
WRITTEN, IN_WORDS = "written", "in words"
"""How a reply abstains: by a spelling of N/A, which strict grading counts, or in a sentence, which only lenient does."""

GESTATION = 69
"""The calculator whose answer is weeks and days. The test split calls it `integer`, the training split `date`."""
PERCENT = {40, 46}
"""The calculators whose answer is a percentage."""
FRACTIONS = {46}
"""Those of them that v1.0 labels by a fraction; every other key has the percentage."""


class Asked(NamedTuple):
    """What a calculator answers with: all that its reply is read by."""

    kind: Literal["decimal", "integer", "date", "gestation"]
    percent: Literal["", "percent", "fraction"] = ""

    @classmethod
    def of(cls, calculator_id: int, output_type: str, *, original: bool = False) -> "Asked":
        """By the id and the output type of the benchmark; `original` for the key of v1.0."""
        kind = "gestation" if calculator_id == GESTATION else output_type
        percent = (
            "" if calculator_id not in PERCENT else "fraction" if original and calculator_id in FRACTIONS else "percent"
        )
        return cls(kind, percent)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, read. `label` is there for a value, and is N/A for an abstention; `why` says how it abstains or what is wrong."""

    outcome: Outcome
    label: Label | None = None
    why: str | None = None


def read_reply(text: str | None, asked: Asked) -> Reply:
    """What a reply says."""
    raise NotImplementedError
