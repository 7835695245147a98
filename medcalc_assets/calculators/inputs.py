"""What a calculator asks for, and how an entity of the benchmark is read as it: kind, unit, permitted values, ranges.

Entities are untrusted. Whatever is wrong with one is said about that entity; nothing is guessed and nothing is raised.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, NamedTuple, Self

from medcalc_assets.calculators import original_units
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


def numeral(value: float, layout: str = ".6g") -> str:
    return f"{value + 0:{layout}}".replace("-", "−")  # + 0: there is no −0


def quoted(raw: Any) -> str:
    """An entity as it is, in as few words as a message bears."""
    try:
        return f"{raw!r:.60}"
    except ValueError:  # Python writes out no integer of more than 4300 digits
        return "a number of thousands of digits"


@dataclass(frozen=True, kw_only=True)
class Input(ABC):
    """One thing a calculator asks for. `key` is its name in the data; `aliases` are for the command line.

    `title` is its name for a reader, where the key is not. `absent` says what its absence counts as, where the default
    does not; `among` names the group of which it is one, where the absence of one is not worth a line.
    """

    key: str = field(kw_only=False)
    aliases: tuple[str, ...] = ()
    default: Any = REQUIRED
    kind: ClassVar[Literal["number", "boolean", "category", "date", "dose"]]
    unit: str = ""
    title: str = ""
    absent: str = ""
    among: str = ""

    @property
    def name(self) -> str:
        return self.title or self.key

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

    @abstractmethod
    def read(self, raw: Any) -> Any:
        """The value of the entity `raw`; raises Unusable."""

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
    `applies`: from where to where the rule makes sense of it, and what there is to say elsewhere.
    `miswritten`: units that the data write by mistake, and what they mean.
    `si`: the unit of amount in which sources print limits of their own, not quite those in `unit`.
    """

    unit: str = field(default="", kw_only=False)
    substance: str | None = None
    possible: tuple[float, float] = (ABOVE_ZERO, LARGEST)
    plausible: tuple[float, float] = (-LARGEST, LARGEST)
    exceeds: str | None = None
    applies: tuple[float, float, str] = (-LARGEST, LARGEST, "")
    whole: bool = False
    si: str = ""
    miswritten: Mapping[str, str] = field(default_factory=dict, hash=False)
    kind = "number"

    def read(self, raw: Any) -> float:
        return self._checked(raw, self._in_unit)

    def read_original(self, raw: Any) -> float:
        """The value with the rounding of v1.0's conversions."""
        return self._checked(raw, lambda n, u: original_units.converted(n, u, self.unit, self.substance))

    @property
    def read_differently(self) -> bool:
        return self.substance is not None or self.unit == "°C"

    def _in_unit(self, number: float, unit: str) -> float:
        return conversion(self.miswritten.get(unit, unit), self.unit, self.substance)(number)

    def _checked(self, raw: Any, converted: Any) -> float:
        number, unit = raw if type(raw) in (list, tuple) and len(raw) == 2 else (raw, self.unit)
        if type(number) not in (float, int) or type(unit) is not str:
            raise Unusable(f"{quoted(raw)} is no number" + (f" in {self.unit}" if self.unit else ""))
        try:
            value: float = float(number) if unit == self.unit else converted(float(number), unit)
        except WrongUnit as error:
            raise Unusable(str(error)) from error
        except OverflowError as error:
            raise Unusable("the number is too large") from error
        if not self.possible[0] <= value <= self.possible[1]:
            raise Unusable(f"{self.shown(value)} is impossible")
        return float(value // 1) if self.whole else value

    @property
    def in_si(self) -> InSI:
        return InSI(self)

    def read_in_si(self, raw: Any) -> float | None:
        """The value in `si`, if the entity is given as an amount."""
        if type(raw) not in (list, tuple) or raw[1] == self.unit:
            return None
        try:
            return conversion(raw[1], self.si)(float(raw[0]))
        except WrongUnit:
            return None

    def implausible(self, values: Values, raw: Any) -> str | None:
        """Why the value in `values`, read from `raw`, is worth a second look, if it is."""
        value = values[self.key]
        low, high = self.plausible
        if not low <= value <= high:
            return f"{self.shown(value)} is outside {low:,.10g} to {high:,.10g}, the range seen alive"
        if self.miswritten and type(raw) in (list, tuple) and raw[1] in self.miswritten:
            return f"{raw[0]:g} {raw[1]} read as {self.shown(value)}"
        low, high, elsewhere = self.applies
        if not low <= value <= high:
            return f"{self.shown(value)}, {elsewhere}"
        if self.exceeds is not None:
            other = values.get(self.exceeds)
            if other is not None and value <= other:
                return f"{self.shown(value)} is not above {self.exceeds}"
        return None

    def notes(self, raw: Any) -> str | None:
        if type(raw) in (list, tuple):
            return None if raw[1] in self.miswritten else conversion(raw[1], self.unit, self.substance).note
        return f"no unit given, taken as {self.unit}" if self.unit else None

    def shown(self, value: Any) -> str:
        return "not given" if value is None else f"{numeral(value)} {self.unit}".strip()

    def parsed(self, text: str) -> Any:
        match = re.fullmatch(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*)", text.strip().replace("−", "-"))
        if not match:
            raise Unusable(f"{quoted(text)} is no number" + (f" in {self.unit}" if self.unit else ""))
        number, unit = float(match[1]), match[2]
        return [number, unit] if unit else number


@dataclass(frozen=True)
class InSI:
    """A quantity as given in its unit of amount; None where it is given otherwise."""

    quantity: Quantity

    @property
    def name(self) -> str:
        return self.quantity.name

    @property
    def unit(self) -> str:
        return self.quantity.si

    @property
    def key(self) -> str:
        return f"{self.quantity.key} in {self.unit}"

    def of(self, values: Values) -> Any:
        return values.get(self.key)

    def shown(self, value: Any) -> str:
        return "not given" if value is None else f"{numeral(value)} {self.unit}"

    def inputs(self) -> tuple[Quantity]:
        return (self.quantity,)


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
        raise Unusable(f"{quoted(raw)} is none of {', '.join(map(self.shown, self.permitted))}")

    def parsed(self, text: str) -> str:
        by_points = (value for value, points in self.points.items() if points is not None and f"{points:g}" == text)
        text = next(by_points, text)
        self.read(text)
        return text


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
        plain = type(raw) is bool or raw.strip().casefold() in YES_NO
        return None if plain else f"{quoted(raw)} read as {self.shown(self.read(raw))}"


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
        raise Unusable(f"{quoted(raw)} is no date that exists (MM/DD/YYYY)")

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


def flag(key: str, *aliases: str, title: str = "", also: Mapping[str, bool] | None = None, default: Any = False) -> Flag:
    """A finding; `also` gives further spellings that occur in the data."""
    return Flag(key, aliases=aliases, title=title, spellings=YES_NO | dict(also or {}), default=default)


def category(key: str, *values: str, also: Mapping[str, str] | None = None, **more: Any) -> Category:
    return Category(key, spellings={value.casefold(): value for value in values} | dict(also or {}), **more)


@dataclass(slots=True)
class Reading:
    """The entities of one instance as a calculator understands them."""

    entities: Mapping[Any, Any]
    values: Values
    missing: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    implausible: tuple[Problem, ...] = ()
    unscored: tuple[str, ...] = ()
    """Names of what no input can be meant by, as all of them are given."""
    given: Collection[str] = ()
    """The keys of the inputs that the entities give."""

    def taking(self, absent: Mapping[str, Any]) -> Reading:
        """The same with these values for what is not given; the reading itself where all of it is."""
        taken = {key: value for key, value in absent.items() if key not in self.given}
        if not taken:
            return self
        missing = tuple(key for key in self.missing if key not in taken)
        return replace(self, values=self.values | taken, missing=missing)


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
        given: dict[str, Any] = {}
        unknown: list[str] = []
        if not isinstance(entities, Mapping):
            return Reading({}, values, self._required, (Problem("entities", "are no mapping of names to values"),))
        for name, raw in entities.items():
            source = self._by_name.get(name) if type(name) is str else None
            source = source or self.find(str(name))
            if source is None:
                unknown.append(str(name))
                problems.append(Problem(str(name), self.unknown(str(name))))
            elif source.key in given:
                problems.append(Problem(source.key, "given twice"))
            elif raw is not None:
                given[source.key] = raw
                try:
                    values[source.key] = source.read(raw)
                except ValueError as error:
                    problems.append(Problem(source.key, str(error)))
        missing = tuple(key for key in self._required if key not in given)
        all_given = len(given) == len(self.inputs)
        unscored = tuple(name for name in unknown if all_given and not self._close(name))
        problems = [problem for problem in problems if problem.entity not in unscored]
        implausible: list[Problem] = []
        for key, quantity in self._quantities.items():
            if values[key] is not None:
                if message := quantity.implausible(values, given.get(key)):
                    implausible.append(Problem(key, message))
                if quantity.si and (amount := quantity.read_in_si(given.get(key))) is not None:
                    values[quantity.in_si.key] = amount
        return Reading(entities, values, missing, tuple(problems), tuple(implausible), unscored, given.keys())

    def original(self, reading: Reading) -> Reading:
        """The same instance with the unit conversions of v1.0; the reading itself where they make no difference."""
        changed: Values = {}
        for name, raw in reading.entities.items():
            source = self._by_name.get(name)
            if isinstance(source, Quantity) and source.read_differently and isinstance(raw, list | tuple):
                if source.si:
                    changed[source.in_si.key] = None  # v1.0 knows the limits of one unit only
                with suppress(KeyError, ValueError):  # a unit that v1.0 does not know
                    changed[source.key] = source.read_original(raw)
        return replace(reading, values=reading.values | changed) if changed else reading

    def assumptions(self, reading: Reading, counted: Iterable[Input]) -> tuple[str, ...]:
        """What was taken for granted of the inputs that are `counted`, where the entities do not say it."""
        stated = ((self.find(str(name)), raw) for name, raw in reading.entities.items())
        given = {source.key: raw for source, raw in stated if source and raw is not None}
        unusable = {problem.entity for problem in reading.problems}
        found: dict[str, dict[str, None]] = {}
        for source in counted:
            if source.key in given:
                note = None if source.key in unusable else source.notes(given[source.key])
            elif source.required:
                note = None
            else:
                usual = "not counted" if source.default is None else f"taken as {source.shown(source.default)}"
                note = f"not given, {source.absent or usual}"
            if note:
                group = source.name if source.key in given else source.among or source.name
                found.setdefault(note, {})[group] = None
        if reading.unscored:
            found["unknown, and not scored"] = dict.fromkeys(reading.unscored)
        return tuple(f"{', '.join(names)}: {note}" for note, names in found.items())

    def name(self, key: str) -> str:
        """The name for a reader of what the data call `key`."""
        source = self._by_name.get(key)
        return source.name if source else key

    def _close(self, name: str) -> list[str]:
        return get_close_matches(name.casefold(), self._by_name, n=1)

    def unknown(self, name: str) -> str:
        close = self._close(name)
        return "unknown key" + (f", did you mean '{self._by_name[close[0]].key}'?" if close else "")
