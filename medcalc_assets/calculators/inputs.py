"""What a calculator asks for, and how an entity of the benchmark is read as it: kind, unit, permitted values, ranges.

Entities are untrusted. Whatever is wrong with one is said about that entity; nothing is guessed and nothing is raised.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, NamedTuple, Self

from medcalc_assets.calculators import as_released
from medcalc_assets.calculators.units import WrongUnit, conversion

Values = dict[str, Any]
"""What the rules compute with: by input key a float in the input's unit, a bool, a permitted value, a date, or None."""

REQUIRED: Any = object()
"""The default of an input without which there is no answer."""

LARGEST = sys.float_info.max
ABOVE_ZERO = sys.float_info.min


class Unusable(ValueError):
    """An entity that cannot be used, and why."""


class Problem(NamedTuple):
    entity: str
    message: str

    def __str__(self) -> str:
        return f"{self.entity}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Input:
    """One thing a calculator asks for. `key` is its name in the data; `aliases` are for the command line."""

    key: str = field(kw_only=False)
    aliases: tuple[str, ...] = ()
    default: Any = REQUIRED
    kind: ClassVar[Literal["number", "boolean", "category", "date", "dose"]]
    unit: str = ""

    @property
    def name(self) -> str:
        return self.key

    def inputs(self) -> tuple[Self]:
        return (self,)

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called: as in the data, by its aliases, or by its key in lower_snake_case."""
        return self.key, *self.aliases, re.sub(r"\W+", "_", self.key.casefold()).strip("_")

    def optional(self) -> Self:
        """The same input, where what is absent does not count."""
        return replace(self, default=None)

    def assuming(self, default: Any) -> Self:
        """The same input, where its absence has a usual meaning."""
        return replace(self, default=default)

    def called(self, key: str) -> Self:
        """The same input under another key."""
        return replace(self, key=key)

    def of(self, values: Values) -> Any:
        return values[self.key]

    def shown(self, value: Any) -> str:
        return "not given" if value is None else str(value)

    def read(self, raw: Any) -> Any:
        """The value of the entity `raw`; raises Unusable."""
        raise NotImplementedError

    def parsed(self, text: str) -> Any:
        """An entity from text typed by a person; raises Unusable."""
        return text

    def notes(self, raw: Any) -> str | None:
        """What had to be read into the entity, if anything."""
        return None


@dataclass(frozen=True, kw_only=True)
class Quantity(Input):
    """A number with a unit.

    `possible` is what can be at all (outside: unusable), `plausible` what has been seen alive (outside: worth a look).
    `exceeds` names an input that a plausible value lies above. `whole`: completed units count (an age in years).
    `miswritten`: units that the data write by mistake, and what they mean.
    """

    unit: str = field(default="", kw_only=False)
    substance: str | None = None
    possible: tuple[float, float] = (ABOVE_ZERO, LARGEST)
    plausible: tuple[float, float] = (-LARGEST, LARGEST)
    exceeds: str | None = None
    whole: bool = False
    miswritten: Mapping[str, str] = field(default_factory=dict, hash=False)
    kind = "number"

    def read(self, raw: Any) -> float:
        return self._checked(raw, self._in_unit)

    def read_as_released(self, raw: Any) -> float:
        """The value with the rounding of v1.0's conversions."""
        return self._checked(raw, lambda n, u: as_released.converted(n, u, self.unit, self.substance))

    @property
    def released_differently(self) -> bool:
        return self.substance is not None or self.unit == "°C"

    def _in_unit(self, number: float, unit: str) -> float:
        return conversion(self.miswritten.get(unit, unit), self.unit, self.substance)(number)

    def _checked(self, raw: Any, converted: Any) -> float:
        number, unit = raw if type(raw) in (list, tuple) and len(raw) == 2 else (raw, self.unit)
        if type(number) not in (float, int) or type(unit) is not str:
            raise Unusable(f"{raw!r:.60} is no number" + (f" in {self.unit}" if self.unit else ""))
        try:
            value: float = float(number) if unit == self.unit else converted(float(number), unit)
        except (WrongUnit, OverflowError) as error:
            raise Unusable(str(error)) from error
        if not self.possible[0] <= value <= self.possible[1]:
            raise Unusable(f"{self.shown(value)} is impossible")
        return float(value // 1) if self.whole else value

    def implausible(self, values: Values) -> str | None:
        """Why the value in `values` is hard to believe, if it is."""
        value = values[self.key]
        low, high = self.plausible
        if not low <= value <= high:
            return f"{self.shown(value)} is outside {low:g} to {high:g}, the range seen alive"
        if self.exceeds is not None:
            other = values.get(self.exceeds)
            if other is not None and value <= other:
                return f"{self.shown(value)} is not above {self.exceeds}"
        return None

    def notes(self, raw: Any) -> str | None:
        if type(raw) in (list, tuple):
            meant = self.miswritten.get(raw[1])
            return f"'{raw[1]}' read as {meant}" if meant else conversion(raw[1], self.unit, self.substance).note
        return f"no unit given, taken as {self.unit}" if self.unit else None

    def shown(self, value: Any) -> str:
        return "not given" if value is None else f"{value:.6g} {self.unit}".strip()

    def parsed(self, text: str) -> Any:
        match = re.fullmatch(r"([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*(.*)", text.strip())
        if not match:
            raise Unusable(f"{text!r:.60} is no number" + (f" in {self.unit}" if self.unit else ""))
        number, unit = float(match[1]), match[2]
        return [number, unit] if unit else number


@dataclass(frozen=True, kw_only=True)
class Choice(Input):
    """One of several permitted values. `spellings`: every accepted text, in lower case, and the value that it means."""

    spellings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    points: Mapping[Any, float | None] = field(default_factory=dict, hash=False)
    """In a graded criterion: what each value scores, so that a person may give the points instead."""

    @property
    def permitted(self) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(self.spellings.values()))

    def read(self, raw: Any) -> Any:
        if type(raw) is bool:
            raw = str(raw)
        if type(raw) is str:
            value = self.spellings.get(raw.strip().casefold())
            if value is not None:
                return value
        raise Unusable(f"{raw!r:.60} is none of {', '.join(map(str, self.permitted))}")

    def parsed(self, text: str) -> str:
        return next((value for value, points in self.points.items() if points is not None and f"{points:g}" == text), text)


@dataclass(frozen=True, kw_only=True)
class Flag(Choice):
    """Present or absent. Not mentioned is read as absent, the usual clinical habit, and recorded as an assumption."""

    default: Any = False
    kind = "boolean"

    def read(self, raw: Any) -> Any:
        return raw if type(raw) is bool else super().read(raw)

    def shown(self, value: Any) -> str:
        return {True: "present", False: "absent"}.get(value, "not given")

    def notes(self, raw: Any) -> str | None:
        return None if type(raw) is bool else f"{raw!r} read as {self.shown(self.read(raw))}"


@dataclass(frozen=True, kw_only=True)
class Category(Choice):
    kind = "category"


@dataclass(frozen=True, kw_only=True)
class Day(Input):
    """A calendar date, MM/DD/YYYY as in the data or YYYY-MM-DD."""

    kind = "date"

    def read(self, raw: Any) -> date:
        if type(raw) is date:
            return raw
        for layout in ("%m/%d/%Y", "%Y-%m-%d"):
            try:
                return datetime.strptime(raw, layout).date()  # noqa: DTZ007 - a calendar day has no time zone
            except (ValueError, TypeError):
                continue
        raise Unusable(f"{raw!r:.60} is no date that exists (MM/DD/YYYY)")

    def shown(self, value: Any) -> str:
        return "not given" if value is None else f"{value:%m/%d/%Y}"


YES_NO = {
    "true": True,
    "yes": True,
    "present": True,
    "false": False,
    "no": False,
    "absent": False,
    "not mentioned": False,
}


def flag(key: str, *aliases: str, also: Mapping[str, bool] | None = None, default: bool | None = False) -> Flag:
    """A finding; `also` gives further spellings that occur in the data."""
    return Flag(key, aliases=aliases, spellings=YES_NO | dict(also or {}), default=default)


def category(
    key: str, *values: str, aliases: Iterable[str] = (), also: Mapping[str, str] | None = None, default: Any = REQUIRED
) -> Category:
    spellings = {value.casefold(): value for value in values} | dict(also or {})
    return Category(key, aliases=tuple(aliases), spellings=spellings, default=default)


@dataclass(slots=True)
class Reading:
    """The entities of one instance as a calculator understands them."""

    entities: Mapping[Any, Any]
    values: Values
    missing: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    implausible: tuple[Problem, ...] = ()


class Reader:
    """Reads entities for the inputs of one calculator. Never raises, whatever the entities are."""

    def __init__(self, inputs: Iterable[Input]):
        self.inputs = tuple(inputs)
        self._by_name = {name.casefold(): i for i in self.inputs for name in reversed(i.names)}
        self._by_name |= {i.key: i for i in self.inputs}
        self._defaults = {i.key: None if i.required else i.default for i in self.inputs}
        self._required = tuple(i.key for i in self.inputs if i.required)
        self._quantities = {i.key: i for i in self.inputs if isinstance(i, Quantity)}

    def find(self, name: str) -> Input | None:
        return self._by_name.get(name) or self._by_name.get(name.strip().casefold())

    def read(self, entities: Mapping[str, object]) -> Reading:
        values = self._defaults.copy()
        problems: list[Problem] = []
        given: set[str] = set()
        if not isinstance(entities, Mapping):
            return Reading({}, values, self._required, (Problem("entities", "are no mapping of names to values"),))
        for name, raw in entities.items():
            source = self._by_name.get(name) if type(name) is str else None
            source = source or self.find(str(name))
            if source is None:
                problems.append(Problem(str(name), self.unknown(str(name))))
            elif source.key in given:
                problems.append(Problem(source.key, "given twice"))
            elif raw is not None:
                given.add(source.key)
                try:
                    values[source.key] = source.read(raw)
                except ValueError as error:
                    problems.append(Problem(source.key, str(error)))
        missing = tuple(key for key in self._required if key not in given)
        return Reading(entities, values, missing, tuple(problems), self._implausible(values))

    def _implausible(self, values: Values) -> tuple[Problem, ...]:
        found = (
            (key, quantity.implausible(values)) for key, quantity in self._quantities.items() if values[key] is not None
        )
        return tuple(Problem(key, message) for key, message in found if message)

    def as_released(self, reading: Reading) -> Reading:
        """The same instance with the unit conversions of v1.0; the reading itself where they make no difference."""
        changed: Values = {}
        for name, raw in reading.entities.items():
            source = self._by_name.get(name)
            if isinstance(source, Quantity) and source.released_differently and isinstance(raw, list | tuple):
                with suppress(KeyError, ValueError):  # a unit that v1.0 does not know
                    changed[source.key] = source.read_as_released(raw)
        return replace(reading, values=reading.values | changed) if changed else reading

    def assumptions(self, reading: Reading) -> tuple[str, ...]:
        """What was taken for granted where the entities do not say it."""
        stated = ((self.find(str(name)), raw) for name, raw in reading.entities.items())
        given = {source.key: raw for source, raw in stated if source and raw is not None}
        unusable = {problem.entity for problem in reading.problems}
        found: list[str] = []
        for source in self.inputs:
            if source.key in given:
                if source.key not in unusable and (note := source.notes(given[source.key])):
                    found.append(f"{source.key}: {note}")
            elif source.default is None:
                found.append(f"{source.key}: not given, not counted")
            elif not source.required:
                found.append(f"{source.key}: not given, taken as {source.shown(source.default)}")
        return tuple(found)

    def unknown(self, name: str) -> str:
        close = get_close_matches(name.casefold(), self._by_name, n=1)
        return "unknown key" + (f", perhaps '{self._by_name[close[0]].key}'?" if close else "")
