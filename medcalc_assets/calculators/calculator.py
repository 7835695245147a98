"""A calculator: one rule as published, the other published conventions, and the original rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any

from medcalc_assets.calculators.inputs import Input, Problem, Reader, Reading, quoted
from medcalc_assets.calculators.rules import Criterion, Formula, Score, Step, Term, Undefined
from medcalc_assets.calculators.working import bullets, escaped, table
from medcalc_assets.labels.value import Label, OutputType, day, number


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """What a rule makes of the entities of one instance. It has a value exactly if nothing is missing or wrong.

    `missing` are the keys of inputs without which there is no value, `problems` what cannot be used and why. A notebook
    shows the working.
    """

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
        taken = self.rule.convention.absent if self.rule.convention else {}
        by_convention = [i for i in self.rule.counted if i.key in taken and i.key not in self.reading.given]
        others = [i for i in self.rule.counted if i not in by_convention]
        return (
            *self.rule.reader.assumptions(self.reading, others),
            *(f"{i.name}: not given, taken as {i.shown(taken[i.key])}" for i in by_convention),
        )

    @property
    def steps(self) -> list[Step]:
        """The working; where there is no value, as far as it goes."""
        unusable = {*self.missing, *(problem.entity for problem in self.problems)}
        return self.rule.body.steps(self.reading.values, unusable)

    @property
    def unit(self) -> str:
        return self.rule.body.unit

    @property
    def shown(self) -> str:
        """The value with its unit, or that it is not computable."""
        return "not computable" if self.value is None else self.rule.body.shown(self.value.date or self.value.number)

    @property
    def obstacles(self) -> str:
        """Why there is no value, in words; nothing where there is one."""
        reader = self.rule.reader
        missing = (f"{reader.name(key)} is missing" for key in self.missing)
        return "; ".join((*missing, *(_named(reader, problem) for problem in self.problems)))

    @property
    def working(self) -> str:
        """For a person to follow, as markdown: entities as given and as used, each step with what it found and gives, the
        answer, and what to know about it."""
        reading, body, reader = self.reading, self.rule.body, self.rule.reader
        used = [
            (i.name, _raw(raw), i.shown(reading.values[i.key]) if reading.values[i.key] is not None else "not usable")
            for name, raw in (reading.entities.items() if isinstance(reading.entities, Mapping) else ())
            if (i := reader.find(str(name)))
        ]
        blocks = [
            f"**{escaped(body.name)}**, {escaped(self.rule.name)}",
            f"{'Source' if self.rule.name == 'published' else 'Published rule'}: {escaped(self.rule.source)}",
            table(("Entity", "As given", "Used as"), used),
            table(("Step", "Found", "Gives"), self.steps),
            f"**Answer: {escaped(self.shown)}**",
            bullets("Missing", map(reader.name, self.missing)),
            bullets("Cannot be used", (_short(_named(reader, problem)) for problem in self.problems)),
            bullets("Worth a second look", (_named(reader, problem) for problem in self.implausible)),
            bullets("Taken for granted", self.assumptions),
        ]
        return "\n\n".join(block for block in blocks if block) + "\n"

    def __repr__(self) -> str:
        return f"{self.rule.body.name}: {self.shown}" + (f" ({self.obstacles})" if self.obstacles else "")

    def _repr_markdown_(self) -> str:
        return self.working


def _raw(raw: Any) -> str:
    try:
        return _short(" ".join(map(str, raw)) if isinstance(raw, list | tuple) else str(raw))
    except ValueError:  # an integer of more digits than Python writes out
        return quoted(raw)


def _short(text: str) -> str:
    return text if len(text) <= 500 else text[:500] + " …"


def _named(reader: Reader, problem: Problem) -> str:
    return f"{reader.name(problem.entity)}: {problem.message}"


@dataclass(frozen=True)
class Convention:
    """Another published convention: `changes` are its named differences from the published rule.

    `guideline` and `year` say whose it is, as far as that is known, and `superseded_by` what took its place: a superseded
    convention loses to a current one, while of several current ones none is wrong. `absent` is what it takes for inputs
    that are not given. `unless_given` names an input of which the convention knows nothing: it does not hold where the
    question asks with that input.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    guideline: str = ""
    year: int | None = None
    superseded_by: str = ""
    absent: Mapping[str, Any] = field(default_factory=dict)
    unless_given: str = ""

    @property
    def cited(self) -> str:
        """Name, guideline with year, and what superseded it, where these are known and the name does not say them."""
        known = (self.guideline, str(self.year or ""), self.superseded_by and f"superseded by {self.superseded_by}")
        told = ", ".join(each for each in known if each and each not in self.name)
        return f"{self.name} ({told})" if told else self.name


@dataclass(frozen=True)
class Rule:
    """A way to compute the answer from entities. `name`: "published", "original", or the convention's.

    `counted` are the inputs that count towards the answer: the data hold others. `source`: of the published rule.
    """

    name: str
    body: Formula | Score
    reader: Reader = field(repr=False)
    counted: tuple[Input, ...] = field(repr=False)
    source: str
    original_units: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Of a defect: in what it differs from the published rule."""
    convention: Convention | None = None
    """What is known of it, of another convention."""

    @property
    def cited(self) -> str:
        """Its name; of another convention with guideline and year, as far as they are known."""
        return self.convention.cited if self.convention else self.name

    def evaluate(self, entities: Mapping[str, object]) -> Result:
        """The result for the entities of an instance. Never raises: what is missing or wrong is in the result."""
        return self.apply(self.reader.read(entities))

    def apply(self, reading: Reading) -> Result:
        """The same, for entities that are read already."""
        if self.convention:
            if (other := self.convention.unless_given) in reading.given:
                problem = Problem(other, "is given, and the convention is for questions without it")
                return Result(self, reading, None, problems=(problem,))
            reading = reading.taking(self.convention.absent)
        if reading.missing or reading.problems:
            return Result(self, reading, None, reading.missing, reading.problems)
        if self.original_units:
            reading = self.reader.original(reading)
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
            return Result(self, reading, None, problems=(Problem(self.body.name, "the result is too large"),))
        return Result(self, reading, number(found))


@dataclass(frozen=True)
class Defect:
    """One known difference of v1.0 from the published rule. `note` completes "v1.0 ..."."""

    note: str
    changes: Mapping[str, Any]


ROUNDING = "rounds inside unit conversions"
IN_MG_PER_DL = "converts amounts to mg/dL, with rounding, before it compares them with limits"
MISREAD_CELSIUS = "takes a misspelt Celsius for Fahrenheit"


@dataclass(frozen=True, eq=False)
class Calculator:
    """`range` is that of the answer. `inputs` holds what v1.0 gives but does not score, too."""

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
    original: Rule | None
    """None for a version of the benchmark of which it is not known."""
    defects: tuple[Rule, ...]
    """What v1.0 does wrong: the published rule with this one change, named by what completes "v1.0"."""

    def __repr__(self) -> str:
        return f"<{self.id} {self.slug}>"

    @property
    def reader(self) -> Reader:
        return self.published.reader

    @property
    def superseded(self) -> frozenset[str]:
        """The names of the other conventions that something newer has taken the place of."""
        return frozenset(rule.name for rule in self.alternatives if rule.convention and rule.convention.superseded_by)

    @property
    def body(self) -> Formula | Score:
        """What it computes, for use inside others."""
        return self.published.body

    @cache  # noqa: B019 - there are 55, which stay
    def publishing(self, convention: str) -> Calculator:
        """The same with that convention as the published rule, and the published rule as another convention, by its source.

        Raises KeyError."""
        others = {rule.name: rule for rule in self.alternatives}
        declared = others.pop(convention)
        return replace(self, published=declared, alternatives=(replace(self.published, name=self.source), *others.values()))

    def having(self, defects: Collection[str]) -> Rule:
        """The published rule with several of `defects`, by name: with all of them, the original one."""
        body, of_these = self.body, [defect for defect in self.defects if defect.name in defects]
        for defect in of_these:
            body = body.but(defect.changes)
        units = any(defect.original_units for defect in of_these)
        return replace(self.published, name=" and ".join(sorted(defects)), body=body, original_units=units)


def calculator(
    body: Formula | Score,
    *,
    id: int,
    slug: str,
    source: str,
    range: tuple[float, float],
    output_type: OutputType,
    alternatives: Iterable[Convention] = (),
    follows: str = "",
    defects: Iterable[Defect] = (),
    conversion_defect: str = ROUNDING,
    inputs: Iterable[Input] = (),
) -> Calculator:
    """A calculator from one rule and its named differences: of other conventions, and of v1.0.

    `inputs`: those whose absence means something else here than elsewhere, and those that v1.0 gives unscored.
    `follows`: the name of the convention that v1.0 follows, if not the published rule.
    """
    of_its_own = {i.key: i for i in inputs}
    reader = Reader(({i.key: i for i in body.inputs()} | of_its_own).values())
    defects, alternatives = tuple(defects), tuple(alternatives)

    def rule(name: str, body: Formula | Score, original_units: bool = False, convention: Convention | None = None) -> Rule:
        counted = {i.key: of_its_own.get(i.key, i) for i in body.inputs()}
        return Rule(name, body, reader, tuple(counted.values()), source, original_units, convention=convention)

    original = body.but(next(each.changes for each in alternatives if each.name == follows)) if follows else body
    for defect in defects:
        original = original.but(defect.changes)
    return Calculator(
        id=id,
        name=body.name,
        slug=slug,
        source=source,
        output_type=output_type,
        unit=body.unit,
        range=range,
        inputs=reader.inputs,
        published=rule("published", body),
        alternatives=tuple(rule(each.name, body.but(each.changes), convention=each) for each in alternatives),
        original=rule("original", original, original_units=True),
        defects=(
            *(replace(rule(defect.note, body.but(defect.changes)), changes=defect.changes) for defect in defects),
            rule(conversion_defect, body, original_units=True),
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
