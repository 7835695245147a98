"""The two kinds of rule: a formula, which is one expression, and a score, which is a table of criteria.

A rule computes with the values of its inputs, and with other formulas (a mean arterial pressure inside a score). What
is absent stays absent (`None`) until a rule cannot do without it.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from inspect import Parameter, signature
from typing import Any, NamedTuple, Protocol, Self

from medcalc_assets.calculators.inputs import REQUIRED, Category, Flag, Input, InSI, Problem, Quantity, Values, flag, numeral


class Undefined(ArithmeticError):
    """A formula has no value at these inputs, in words for a clinician."""


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
    """`function` of the values of `terms`, in order, and of `constants` by name.

    Its docstring is the formula in words, with `{name}` where a constant belongs that another convention exchanges.
    """

    name: str
    unit: str
    function: Callable[..., Any]
    terms: tuple[Term, ...]
    constants: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The formula in words, with the constants that it computes with."""
        return " ".join((self.function.__doc__ or "").split()).format(**{**_constants(self.function), **self.constants})

    def of(self, values: Values) -> Any:
        """Its value; None if an input is absent. Raises Undefined."""
        found = [term.of(values) for term in self.terms]
        if None in found:
            return None
        try:
            return self.function(*found, **self.constants)
        except Undefined:
            raise
        except (ArithmeticError, ValueError) as error:
            raise Undefined(f"no value with {_found(self.terms, values)}") from error

    def but(self, changes: Mapping[str, Any]) -> Self:
        """The same formula with its `function` or `unit` exchanged, or terms or constants by name, also those within."""
        within = {name: change for name, change in changes.items() if name not in ("function", "unit")}
        function = changes.get("function", self.function)
        constants = {name: change for name, change in within.items() if name in _constants(function)}
        terms = (changes.get(t.name) or (t.but(within) if isinstance(t, Formula) else t) for t in self.terms)
        unit = changes.get("unit", self.unit)
        return replace(self, unit=unit, function=function, terms=tuple(terms), constants={**self.constants, **constants})

    def shown(self, value: Any) -> str:
        if isinstance(value, float | int):
            weeks = f" ({value // 7:g} weeks, {value % 7:g} days)" if self.unit == "days" else ""
            return f"{numeral(value)} {self.unit}{weeks}".strip()
        return "not given" if value is None else f"{value:%m/%d/%Y}"

    def inputs(self) -> Iterable[Input]:
        return inputs_of(self.terms)

    def lacking(self, values: Values) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
        """Why there is no value: the inputs that are absent."""
        return tuple(i.key for i in self.inputs() if values[i.key] is None), ()

    def steps(self, values: Values, unusable: Collection[str] = ()) -> list[Step]:
        """As far as it can be computed without the inputs that are `unusable`."""
        steps = _inner_steps(self.terms, values, unusable)
        try:
            value = self.of(values)
        except Undefined:
            value = None
        if value is not None and not any(i.key in unusable for i in self.inputs()):
            steps.append(Step(f"{self.name}: {self.words}", _found(self.terms, values), self.shown(value)))
        return list(dict.fromkeys(steps))


def derived(name: str, unit: str, *terms: Term) -> Callable[[Callable[..., Any]], Formula]:
    """A quantity on the way to others: `@derived("body mass index", "kg/m²", WEIGHT, HEIGHT)`."""
    return lambda function: Formula(name, unit, function, terms)


def inputs_of(terms: Iterable[Term]) -> Iterable[Input]:
    return (i for term in terms for i in term.inputs())


def _constants(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = signature(function).parameters.items()
    return {name: parameter.default for name, parameter in parameters if parameter.default is not Parameter.empty}


def _found(terms: Iterable[Term], values: Values) -> str:
    return ", ".join(f"{term.name}: {term.shown(term.of(values))}" for term in terms)


def _inner_steps(terms: Iterable[Term], values: Values, unusable: Collection[str]) -> list[Step]:
    return [step for term in terms if isinstance(term, Formula) for step in term.steps(values, unusable)]


@dataclass(frozen=True, eq=False)
class Criterion:
    """One line of a score: what it asks, and what that gives, in words; and the points that it gives to values.

    The points are None where what it asks for is absent, or cannot be scored. `branch` is the part that applies to
    values, where not all of it does.
    """

    name: str
    asks: str
    gives: str
    terms: tuple[Term, ...]
    points: Callable[[Values], float | None]
    branch: Callable[[Values], Criterion] | None = None

    @property
    def rule(self) -> str:
        return f"{self.asks}: {self.gives}" if self.asks else self.gives

    def applied(self, values: Values) -> Criterion:
        """What of it applies to values."""
        return self.branch(values) if self.branch else self


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
                inputs = tuple(inputs_of(criterion.applied(values).terms))
                lacks = [i.key for i in inputs if values[i.key] is None]
                absent += lacks
                if not lacks:
                    problems += [Problem(i.key, f"{i.shown(values[i.key])} cannot be scored") for i in inputs]
        return tuple(absent), tuple(problems)

    def shown(self, value: Any) -> str:
        return f"{numeral(value, 'g')} {self.unit.removesuffix('s') if value == 1 else self.unit}"

    def steps(self, values: Values, unusable: Collection[str] = ()) -> list[Step]:
        """The criteria that can be scored without the inputs that are `unusable`; not those of which nothing is given."""
        steps: list[Step] = []
        for criterion in self.criteria:
            with suppress(Undefined):
                applied = criterion.applied(values)
                if any(i.key in unusable for i in inputs_of(applied.terms)):
                    continue
                points = applied.points(values)
                nothing_given = applied.terms and all(term.of(values) is None for term in applied.terms)
                if points is not None and not (points == 0 and nothing_given):
                    steps += _inner_steps(applied.terms, values, unusable)
                    steps.append(Step(applied.rule, _found(applied.terms, values), signed(points)))
        return steps


def signed(points: float) -> str:
    return numeral(points, "+g")


def present(finding: str | Flag, points: float = 1, *aliases: str, title: str = "", asks: str = "") -> Criterion:
    """A finding that scores where it is present. `asks`: how the score asks for it, if not by its name."""
    source = flag(finding, *aliases, title=title) if isinstance(finding, str) else finding
    key = source.key
    return Criterion(key, asks or source.name, signed(points), (source,), lambda v: points if v[key] else 0)


def not_denied(source: Flag, points: float = 1) -> Criterion:
    """A finding that scores unless it is expressly absent."""
    key, asks = source.key, f"{source.name}, or not said"
    return Criterion(key, asks, signed(points), (source,), lambda v: 0 if v[key] is False else points)


def one_of(source: Category, value: str, points: float = 1) -> Criterion:
    """A category that scores where it is `value`."""
    key = source.key
    return Criterion(key, f"{source.name} {value}", signed(points), (source,), lambda v: points if v[key] == value else 0)


def given(term: Term) -> Criterion:
    """Anything that is stated at all."""
    of = term.of
    return Criterion(term.name, f"{term.name} stated", "+1", (term,), lambda v: 0 if of(v) is None else 1)


def always(points: float) -> Criterion:
    return Criterion("", "", signed(points), (), lambda v: points)


def above(term: Term, limit: float, points: float = 1, si: float | None = None) -> Criterion:
    return _compared(term, ">", operator.gt, limit, points, si)


def at_least(term: Term, limit: float, points: float = 1, si: float | None = None) -> Criterion:
    return _compared(term, "≥", operator.ge, limit, points, si)


def below(term: Term, limit: float, points: float = 1) -> Criterion:
    return _compared(term, "<", operator.lt, limit, points)


def at_most(term: Term, limit: float, points: float = 1) -> Criterion:
    return _compared(term, "≤", operator.le, limit, points)


def _compared(
    term: Term, sign: str, met: Callable[[Any, Any], bool], limit: float, points: float, si: float | None = None
) -> Criterion:
    of = term.of

    def judged(values: Values) -> float | None:
        value = of(values)
        return points if value is not None and met(value, limit) else 0

    asks = f"{term.name} {sign} {limit:g} {term.unit}".strip()
    own = Criterion(term.name, asks, signed(points), (term,), judged)
    return own if si is None else _by_unit(own, term, lambda amount: _compared(amount, sign, met, si, points))


def _by_unit(own: Criterion, term: Term, of_amount: Callable[[InSI], Criterion]) -> Criterion:
    """The same criterion, with the limits that the source prints for amounts where the value is given as an amount."""
    if not isinstance(term, Quantity):
        raise TypeError(f"{term.name} is no quantity that can be given as an amount")
    amount = term.in_si
    printed = of_amount(amount)

    def by_unit(values: Values) -> Criterion:
        return own if amount.of(values) is None else printed

    return replace(own, points=lambda v: by_unit(v).points(v), branch=lambda v: by_unit(v).applied(v))


def bands(term: Term, points: Mapping[str, float | None], si: Mapping[str, float | None] | None = None) -> Criterion:
    """Points by the band in which a value lies, written as in the literature: `{"<2": 1, "2-3": 2, ">3": 3}`.

    Bands have no gaps: each reaches up to where the next one begins, so that with "10-11.9" and "12-12.9" the value
    11.95 lies in the first. `>3` begins just above 3, which then belongs to the band below. `si`: as printed for
    amounts, where these bands are not quite the same.
    """
    order = sorted(points, key=_lower_edge)
    edges, tops = [_lower_edge(band) for band in order[1:]], [_upper_edge(band) for band in order]
    scores = [points[band] for band in order]
    of = term.of

    def judged(values: Values) -> float | None:
        value = of(values)
        return None if value is None else scores[bisect_right(edges, value)]

    def applied(values: Values) -> Criterion:
        value = of(values)
        if value is None or value <= tops[bisect_right(edges, value)]:
            return own
        between = f"{own.gives}; {term.shown(value)} is between two bands and counts in the lower"
        return replace(own, gives=between, branch=None)

    own = Criterion(term.name, _in_unit(term), _listed(points), (term,), judged, applied)
    return own if si is None else _by_unit(own, term, lambda amount: bands(amount, si))


def _in_unit(term: Term) -> str:
    return f"{term.name} in {term.unit}" if term.unit else term.name


def _lower_edge(band: str) -> float:
    if band[0] in "<≤":
        return -math.inf
    if band[0] == ">":
        return math.nextafter(float(band[1:]), math.inf)
    return float(band.lstrip("≥").partition("-")[0])


def _upper_edge(band: str) -> float:
    """The last value that the band is printed to hold; where it has no end, or ends before the next one, any."""
    if band[0] in "<>≥":
        return math.inf
    return float(band.lstrip("≤").rpartition("-")[2])


def graded(
    key: str,
    points: Mapping[str, float | None],
    *aliases: str,
    title: str = "",
    unstated: float | None = None,
    also: Mapping[str, Any] | None = None,
) -> Criterion:
    """Points by category; None for one that cannot be scored. `also` maps further spellings to the categories.

    The category must be stated, unless there are points for it `unstated`.
    """
    spellings = {value.casefold(): value for value in points} | dict(also or {})
    default, absent = REQUIRED, ""
    if unstated is not None:
        as_what = next((f"{value} " for value, score in points.items() if score == unstated), "")
        default, absent = "not given", f"counted as {as_what}({signed(unstated)})"
        points = {**points, default: unstated}
    source = Category(key, aliases=aliases, title=title, spellings=spellings, points=points, default=default, absent=absent)
    return Criterion(key, source.name, _listed(points), (source,), lambda v: points[v[key]])


def _listed(points: Mapping[str, float | None]) -> str:
    return ", ".join(f"{k} cannot be scored" if score is None else f"{k} {signed(score)}" for k, score in points.items())


def value_of(term: Term) -> Criterion:
    """A number that counts as it is (the age in years)."""
    return Criterion(term.name, _in_unit(term), "1 point each", (term,), term.of)


def short_of(full: float, term: Term) -> Criterion:
    """A number that counts by as much as it lacks."""
    of = term.of

    def judged(values: Values) -> float | None:
        value = of(values)
        return None if value is None else full - value

    return Criterion(term.name, term.name, f"1 point for each below {full:g}", (term,), judged)


def any_of(*criteria: Criterion, points: float = 1, name: str = "") -> Criterion:
    """Scores once where at least one criterion is met."""
    judges = [c.points for c in criteria]
    return Criterion(
        name or criteria[0].name,
        " or ".join(c.asks for c in criteria),
        signed(points),
        _terms_of(criteria),
        lambda v: points if any(judge(v) for judge in judges) else 0,
    )


def worst_of(*criteria: Criterion, name: str) -> Criterion:
    """The highest points of those that can be judged; cannot be judged itself where none can."""
    judges = [c.points for c in criteria]

    def judged(values: Values) -> float | None:
        return max((points for judge in judges if (points := judge(values)) is not None), default=None)

    def of(parts: Sequence[Criterion], branch: Callable[[Values], Criterion] | None = None) -> Criterion:
        rules = "; ".join(c.rule for c in parts)
        return Criterion(name, f"{name}, the worst of", rules, _terms_of(parts), judged, branch)

    def applied(values: Values) -> Criterion:
        parts = [c.applied(values) for c in criteria if any(term.of(values) is not None for term in c.terms)]
        return of(parts or criteria)

    return of(criteria, applied)


def either(condition: Criterion, then: Criterion, otherwise: Criterion, *, name: str = "") -> Criterion:
    """One criterion or another, as a third decides."""
    decide, yes, no = condition.points, then.points, otherwise.points

    def applied(values: Values) -> Criterion:
        met = decide(values)
        part = (then if met else otherwise).applied(values)
        gives = f"{condition.asks}: {'yes' if met else 'no'}; {part.rule}"
        return Criterion(name, name, gives, _terms_of((condition, part)), part.points)

    return Criterion(
        name,
        name,
        f"if {condition.asks}, {then.rule}; else {otherwise.rule}",
        _terms_of((condition, then, otherwise)),
        lambda v: yes(v) if decide(v) else no(v),
        applied,
    )


def _terms_of(criteria: Iterable[Criterion]) -> tuple[Term, ...]:
    return tuple(dict.fromkeys(term for criterion in criteria for term in criterion.terms))
