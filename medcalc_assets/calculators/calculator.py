"""A calculator: one rule as published, the other published conventions, and the rule as the release computed it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from medcalc_assets.calculators.inputs import Input, Problem, Reader, Reading
from medcalc_assets.calculators.rules import Criterion, Formula, Score, Step, Term, Undefined
from medcalc_assets.labels.value import Label, OutputType, day, number


@dataclass(frozen=True, slots=True)
class Result:
    """What a rule makes of the entities of one instance. It has a value exactly if nothing is missing or wrong."""

    rule: Rule
    reading: Reading
    value: Label | None
    missing: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def implausible(self) -> tuple[Problem, ...]:
        return self.reading.implausible

    @property
    def assumptions(self) -> tuple[str, ...]:
        return self.rule.reader.assumptions(self.reading)

    @property
    def steps(self) -> list[Step]:
        """The working. Empty where there is no value."""
        return [] if self.value is None else self.rule.body.steps(self.reading.values)


@dataclass(frozen=True)
class Rule:
    """A way to compute the answer from entities. `name`: "published", "as released", or the convention's."""

    name: str
    body: Formula | Score
    reader: Reader = field(repr=False)
    released_units: bool = False

    def evaluate(self, entities: Mapping[str, object]) -> Result:
        """The result for the entities of an instance. Never raises: what is missing or wrong is in the result."""
        return self.apply(self.reader.read(entities))

    def apply(self, reading: Reading) -> Result:
        """The same, for entities that are read already."""
        if reading.missing or reading.problems:
            return Result(self, reading, None, reading.missing, reading.problems)
        if self.released_units:
            reading = self.reader.as_released(reading)
        try:
            found = self.body.of(reading.values)
        except Undefined as error:
            return Result(self, reading, None, problems=(Problem(self.body.name, str(error)),))
        if found is None:
            absent, unscorable = self.body.lacking(reading.values)
            return Result(self, reading, None, absent, unscorable)
        if isinstance(found, date):
            return Result(self, reading, day(found))
        if not math.isfinite(found):
            return Result(self, reading, None, problems=(Problem(self.body.name, "the result is not finite"),))
        return Result(self, reading, number(found))


@dataclass(frozen=True)
class Defect:
    """One known difference of the release from the published rule. `note` completes "the release ..."."""

    note: str
    changes: Mapping[str, Any]


ROUNDING = "rounds inside unit conversions"
MISREAD_CELSIUS = "takes a misspelt Celsius for Fahrenheit"


@dataclass(frozen=True, eq=False)
class Calculator:
    """`range` is that of the answer. `inputs` holds what the release gives but does not score, too."""

    id: int
    name: str
    slug: str
    source: str
    output_type: OutputType
    unit: str
    range: tuple[float, float]
    inputs: tuple[Input, ...]
    published: Rule
    alternatives: tuple[Rule, ...]
    as_released: Rule
    defects: tuple[Rule, ...]
    """What the release does wrong: the published rule with this one change, named by what completes "the release"."""

    def __repr__(self) -> str:
        return f"<{self.id} {self.slug}>"

    @property
    def reader(self) -> Reader:
        return self.published.reader

    @property
    def body(self) -> Formula | Score:
        """What it computes, for use inside others."""
        return self.published.body


def calculator(
    body: Formula | Score,
    *,
    id: int,
    slug: str,
    source: str,
    range: tuple[float, float],
    output_type: OutputType,
    alternatives: Mapping[str, Mapping[str, Any]] | None = None,
    defects: Iterable[Defect] = (),
    conversion_defect: str = ROUNDING,
    inputs: Iterable[Input] = (),
) -> Calculator:
    """A calculator from one rule and its named differences: of other conventions, and of the release.

    `inputs`: those whose absence means something else here than elsewhere, and those that the release gives unscored.
    """
    reader = Reader({i.key: i for i in (*body.inputs(), *inputs)}.values())
    defects = tuple(defects)
    released = body
    for defect in defects:
        released = released.but(defect.changes)
    return Calculator(
        id=id,
        name=body.name,
        slug=slug,
        source=source,
        output_type=output_type,
        unit=body.unit,
        range=range,
        inputs=reader.inputs,
        published=Rule("published", body, reader),
        alternatives=tuple(Rule(name, body.but(changes), reader) for name, changes in (alternatives or {}).items()),
        as_released=Rule("as released", released, reader, released_units=True),
        defects=(
            *(Rule(defect.note, body.but(defect.changes), reader) for defect in defects),
            Rule(conversion_defect, body, reader, released_units=True),
        ),
    )


def score(
    id: int, name: str, source: str, *, criteria: Iterable[Criterion], unit: str = "points", **page: Any
) -> Calculator:
    """A calculator that adds up points. `page`: as for `calculator`."""
    common: dict[str, Any] = {"id": id, "source": source, "output_type": "integer"} | page
    return calculator(Score(name, tuple(criteria), unit), **common)


def formula(
    id: int, name: str, source: str, *terms: Term, unit: str = "", **page: Any
) -> Callable[[Callable[..., Any]], Calculator]:
    """A calculator that is one expression: decorates the function of `terms`, which gives the slug and the words."""
    common: dict[str, Any] = {"id": id, "source": source, "output_type": "decimal", "range": (0, math.inf)} | page
    return lambda function: calculator(Formula(name, unit, function, terms), slug=function.__name__, **common)
