"""What a check of a note against the entities and the label of its instance can find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import Label, OutputType

Kind = Literal[
    "found",
    "converted",
    "another_number",
    "absent",
    "reported",
    "urea",
    "unit_slip",
    "weight_change",
    "another_quantity",
    "population",
    "implausible",
    "label_out_of_range",
    "time_points",
]

KINDS: dict[Kind, str] = {
    "found": "the number of the entity stands in the note",
    "converted": "it stands there in another unit",
    "another_number": "the note gives the quantity, but another number",
    "absent": "the number is not in the note, in any unit that is understood",
    "reported": "the note prints the result, or a step to it, and the rule gives another",
    "urea": "the urea of the note is taken for blood urea nitrogen",
    "unit_slip": "the number is that of a patient in another unit only",
    "weight_change": "what the patient lost or gained, or weighed at birth, is taken for the weight",
    "another_quantity": "the number stands in the note as another quantity only",
    "population": "the rule was not made for this patient",
    "implausible": "the value is outside anything seen alive",
    "label_out_of_range": "the label is outside the range of its own score",
    "time_points": "the note gives several values of the quantity at different times",
}
STATUS: tuple[Kind, ...] = ("found", "converted", "another_number", "absent")
"""One of these per entity that is a number other than 0; none for a score that its note may have in words."""

SUSPECT: tuple[Kind, ...] = ("urea", "unit_slip", "weight_change", "another_quantity", "implausible", "label_out_of_range")
"""An instance with one of these is neither reproduced nor contradicted: its entities, or its label, cannot be meant."""

READINGS: dict[Kind, str] = {
    "reported": "reported value",
    "urea": "unit slip",
    "unit_slip": "unit slip",
    "time_points": "time point",
    "another_number": "entity not in the note",
    "weight_change": "entity not in the note",
    "another_quantity": "entity not in the note",
    "implausible": "unit slip",
    "population": "population",
    "absent": "entity not in the note",
}
"""How findings split the likely errors that are no matter of aggregation, the strongest first."""
UNEXPLAINED = "unexplained"


class Finding(NamedTuple):
    """One finding. `quote_start` and `quote_end` are where `quote`, the exact words, stands in the note; None without words.

    `given` is the value as the entities (or the label) have it, `found` the one that the note gives or that is meant, and
    `gives` what the rules, by name, make of that one.
    """

    kind: Kind
    entity: str
    given: str
    found: str | None
    quote: str | None
    quote_start: int | None
    quote_end: int | None
    gives: Mapping[str, str]
    explanation: str


def gives(values: Mapping[str, str], candidate: Label, output_type: OutputType) -> str | None:
    """The name of the first rule whose value in `values` lies within the limits of `candidate`; None if there is none."""
    return next((name for name, text in values.items() if accepts(candidate, parse_label(text), output_type)), None)


def reading(findings: Iterable[tuple[Kind, Mapping[str, str]]], candidate: Label, output_type: OutputType) -> str:
    """Which of `READINGS` explains that `candidate` is what no rule gives from the entities, else `UNEXPLAINED`.

    A finding that leads to the candidate comes before one that does not. One that leads elsewhere explains nothing, nor
    does an entity that is said to be there.
    """
    order = list(READINGS)
    known = [(kind, values) for kind, values in findings if kind in READINGS]
    leading = [kind for kind, values in known if gives(values, candidate, output_type)]
    doubts = [kind for kind, values in known if not values]
    return next((READINGS[min(kinds, key=order.index)] for kinds in (leading, doubts) if kinds), UNEXPLAINED)
