"""The two kinds of rule: a formula, which is one expression, and a score, which is a table of criteria.

A rule computes with the values of its inputs, and with other formulas (a mean arterial pressure inside a score). What
is absent stays absent (`None`) until a rule cannot do without it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, Self

from medcalc_assets.calculators.inputs import REQUIRED, Category, Flag, Input, Problem, Values, flag


class Undefined(ArithmeticError):
    """A formula has no value at these inputs (a division by zero, a logarithm of nothing)."""


class Step(NamedTuple):
    """One line of the working: what was asked, what was found, what came of it (points, or an intermediate value)."""

    what: str
    found: str
    gives: str


class Term(Protocol):
    """Anything a rule computes with: an input, or a formula of inputs."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    def of(self, values: Values) -> Any: ...
    def shown(self, value: Any) -> str: ...
    def inputs(self) -> Iterable[Input]: ...


@dataclass(frozen=True, eq=False)
class Formula:
    """`function` of the values of `terms`, in order, and of `constants` by name. Its docstring is the formula in words."""

    name: str
    unit: str
    function: Callable[..., Any]
    terms: tuple[Term, ...]
    constants: Mapping[str, Any] = field(default_factory=dict)

    def of(self, values: Values) -> Any:
        """Its value; None if an input is absent. Raises Undefined."""
        found = [term.of(values) for term in self.terms]
        if None in found:
            return None
        try:
            return self.function(*found, **self.constants)
        except (ArithmeticError, ValueError) as error:
            with_ = ", ".join(f"{t.name} {t.shown(v)}" for t, v in zip(self.terms, found, strict=True))
            raise Undefined(f"{self.name} is undefined ({error}) with {with_}") from error

    def but(self, constants: Mapping[str, Any]) -> Self:
        """The same formula with some constants exchanged."""
        return replace(self, constants={**self.constants, **constants})

    def shown(self, value: Any) -> str:
        if isinstance(value, float | int):
            return f"{value:.6g} {self.unit}".strip()
        return "not given" if value is None else f"{value:%m/%d/%Y}"

    def inputs(self) -> Iterable[Input]:
        return inputs_of(self.terms)

    def lacking(self, values: Values) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
        """Why there is no value: the inputs that are absent."""
        return tuple(i.key for i in self.inputs() if values[i.key] is None), ()

    def steps(self, values: Values) -> list[Step]:
        inner = [step for term in self.terms if isinstance(term, Formula) for step in term.steps(values)]
        words = " ".join((self.function.__doc__ or "").split())
        found = ", ".join(f"{term.name} {term.shown(term.of(values))}" for term in self.terms)
        own = Step(f"{self.name}: {words}", found, self.shown(self.of(values)))
        return list(dict.fromkeys([*inner, own]))


def derived(name: str, unit: str, *terms: Term) -> Callable[[Callable[..., Any]], Formula]:
    """A quantity on the way to others: `@derived("body mass index", "kg/m²", WEIGHT, HEIGHT)`."""
    return lambda function: Formula(name, unit, function, terms)


def inputs_of(terms: Iterable[Term]) -> Iterable[Input]:
    return (i for term in terms for i in term.inputs())


@dataclass(frozen=True, eq=False)
class Criterion:
    """One line of a score: what it asks, and what that gives, in words; and the points that it gives to values.

    The points are None where what it asks for is absent, or cannot be scored.
    """

    name: str
    asks: str
    gives: str
    terms: tuple[Term, ...]
    points: Callable[[Values], float | None]

    @property
    def rule(self) -> str:
        return f"{self.asks}: {self.gives}" if self.asks else self.gives


@dataclass(frozen=True, eq=False)
class Score:
    """The sum of the points of its criteria."""

    name: str
    criteria: tuple[Criterion, ...]
    unit: str = "points"

    def of(self, values: Values) -> float | None:
        total = 0.0
        for criterion in self.criteria:
            points = criterion.points(values)
            if points is None:
                return None
            total += points
        return total

    def but(self, changes: Mapping[str, Criterion | tuple[Criterion, ...]]) -> Self:
        """The same score with each named criterion exchanged for another, or for several or none."""
        unknown = changes.keys() - {c.name for c in self.criteria}
        if unknown:
            raise KeyError(f"{self.name} has no criterion {', '.join(sorted(unknown))}")
        exchanged = (changes.get(c.name, c) for c in self.criteria)
        return replace(self, criteria=tuple(c for e in exchanged for c in (e if isinstance(e, tuple) else (e,))))

    def inputs(self) -> Iterable[Input]:
        return inputs_of(term for criterion in self.criteria for term in criterion.terms)

    def lacking(self, values: Values) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
        """Why there is no value: the inputs that are absent, and those whose value no criterion can score."""
        absent: list[str] = []
        problems: list[Problem] = []
        for criterion in self.criteria:
            if criterion.points(values) is None:
                inputs = tuple(inputs_of(criterion.terms))
                lacks = [i.key for i in inputs if values[i.key] is None]
                absent += lacks
                if not lacks:
                    problems += [Problem(i.key, f"{i.shown(values[i.key])} cannot be scored") for i in inputs]
        return tuple(absent), tuple(problems)

    def shown(self, value: Any) -> str:
        return f"{value:g} {self.unit}"

    def steps(self, values: Values) -> list[Step]:
        return [
            Step(
                criterion.rule,
                ", ".join(f"{term.name} {term.shown(term.of(values))}" for term in criterion.terms),
                f"{criterion.points(values):+g}",
            )
            for criterion in self.criteria
        ]


def present(finding: str | Flag, points: float = 1, *aliases: str) -> Criterion:
    """A finding that scores where it is present."""
    source = flag(finding, *aliases) if isinstance(finding, str) else finding
    key = source.key
    return Criterion(key, key, f"{points:+g}", (source,), lambda v: points if v[key] else 0)


def not_denied(source: Flag, points: float = 1) -> Criterion:
    """A finding that scores unless it is expressly absent."""
    key = source.key
    return Criterion(key, f"{key}, or not said", f"{points:+g}", (source,), lambda v: 0 if v[key] is False else points)


def one_of(source: Category, value: str, points: float = 1) -> Criterion:
    """A category that scores where it is `value`."""
    key = source.key
    return Criterion(key, f"{key} {value}", f"{points:+g}", (source,), lambda v: points if v[key] == value else 0)


def given(term: Term) -> Criterion:
    """Anything that is stated at all."""
    of = term.of
    return Criterion(term.name, f"{term.name} stated", "+1", (term,), lambda v: 0 if of(v) is None else 1)


def always(points: float) -> Criterion:
    return Criterion("", "", f"{points:+g}", (), lambda v: points)


def above(term: Term, limit: float, points: float = 1) -> Criterion:
    return _compared(term, ">", limit, points, lambda x: x > limit)


def at_least(term: Term, limit: float, points: float = 1) -> Criterion:
    return _compared(term, "≥", limit, points, lambda x: x >= limit)


def below(term: Term, limit: float, points: float = 1) -> Criterion:
    return _compared(term, "<", limit, points, lambda x: x < limit)


def at_most(term: Term, limit: float, points: float = 1) -> Criterion:
    return _compared(term, "≤", limit, points, lambda x: x <= limit)


def _compared(term: Term, sign: str, limit: float, points: float, met: Callable[[Any], bool]) -> Criterion:
    of = term.of

    def judged(values: Values) -> float | None:
        value = of(values)
        return points if value is not None and met(value) else 0

    return Criterion(term.name, f"{term.name} {sign} {limit:g} {term.unit}".strip(), f"{points:+g}", (term,), judged)


def bands(term: Term, points: Mapping[str, float | None]) -> Criterion:
    """Points by the band in which a value lies, written as in the literature: `{"<2": 1, "2-3": 2, ">3": 3}`.

    Bands have no gaps: each reaches up to where the next one begins, so that with "10-11.9" and "12-12.9" the value
    11.95 lies in the first. `>3` begins just above 3, which then belongs to the band below.
    """
    table = sorted(((_lower_edge(band), score) for band, score in points.items()), key=lambda row: row[0])
    edges, scores = [edge for edge, _ in table][1:], [score for _, score in table]
    of = term.of

    def judged(values: Values) -> float | None:
        value = of(values)
        return None if value is None else scores[bisect_right(edges, value)]

    return Criterion(term.name, f"{term.name} in {term.unit}".removesuffix(" in "), _listed(points), (term,), judged)


def _lower_edge(band: str) -> float:
    if band[0] in "<≤":
        return -math.inf
    if band[0] == ">":
        return math.nextafter(float(band[1:]), math.inf)
    return float(band.lstrip("≥").partition("-")[0])


def graded(
    key: str,
    points: Mapping[str, float | None],
    *aliases: str,
    unstated: float | None = None,
    also: Mapping[str, Any] | None = None,
) -> Criterion:
    """Points by category; None for one that cannot be scored. `also` maps further spellings to the categories.

    The category must be stated, unless there are points for it `unstated`.
    """
    spellings = {value.casefold(): value for value in points} | dict(also or {})
    gives, default = _listed(points), REQUIRED
    if unstated is not None:
        default = "not mentioned"
        points = {**points, default: unstated}
    source = Category(key, aliases=aliases, spellings=spellings, points=points, default=default)
    return Criterion(key, key, gives, (source,), lambda v: points[v[key]])


def _listed(points: Mapping[str, float | None]) -> str:
    return ", ".join(f"{k} cannot be scored" if score is None else f"{k} {score:+g}" for k, score in points.items())


def value_of(term: Term) -> Criterion:
    """A number that counts as it is (the age in years)."""
    return Criterion(term.name, f"{term.name} in {term.unit}".removesuffix(" in "), "as many", (term,), term.of)


def any_of(*criteria: Criterion, points: float = 1, name: str = "") -> Criterion:
    """Scores once where at least one criterion is met."""
    judges = [c.points for c in criteria]
    return Criterion(
        name or criteria[0].name,
        " or ".join(c.asks for c in criteria),
        f"{points:+g}",
        _terms_of(criteria),
        lambda v: points if any(judge(v) for judge in judges) else 0,
    )


def worst_of(*criteria: Criterion, name: str) -> Criterion:
    """The highest points of those that can be judged; cannot be judged itself where none can."""
    judges = [c.points for c in criteria]

    def judged(values: Values) -> float | None:
        return max((points for judge in judges if (points := judge(values)) is not None), default=None)

    return Criterion(name, f"{name}, the worst of", "; ".join(c.rule for c in criteria), _terms_of(criteria), judged)


def either(condition: Criterion, then: Criterion, otherwise: Criterion, *, name: str = "") -> Criterion:
    """One criterion or another, as a third decides."""
    decide, yes, no = condition.points, then.points, otherwise.points
    gives = f"if {condition.asks}, {then.rule}; else {otherwise.rule}"
    return Criterion(name, name, gives, _terms_of((condition, then, otherwise)), lambda v: yes(v) if decide(v) else no(v))


def _terms_of(criteria: Iterable[Criterion]) -> tuple[Term, ...]:
    return tuple(dict.fromkeys(term for criterion in criteria for term in criterion.terms))
