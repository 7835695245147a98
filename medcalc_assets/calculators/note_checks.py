"""The entities and the label of an instance held against the words of its note, without a model.

Precision before recall: what is found names the words of the note, and where the words are not plain nothing is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import islice
from typing import Any

from medcalc_assets.calculators.calculator import Calculator, Rule
from medcalc_assets.calculators.drugs import SteroidDose
from medcalc_assets.calculators.inputs import Day, Input, Quantity, Reading, numeral
from medcalc_assets.calculators.mentions import MOST_MENTIONS, NUMBER_WORDS, Amount, Note
from medcalc_assets.calculators.note_words import (
    ANIMAL,
    ASSESSED,
    BETWEEN,
    CORRECTED,
    LATER,
    LISTED,
    LOST,
    LOST_AFTER,
    MEANT,
    NAMES,
    NEAR_THE_BEGINNING,
    NEWBORN,
    NITROGEN,
    NOT_THIS_RESULT,
    OLD,
    OTHERWISE,
    PRESSURES,
    REFERENCE,
    RESULTS,
    SIZES,
    SUBSTANCE_OF_RESULT,
    UREA,
    UREA_PER_NITROGEN,
    USUAL,
    YOUNGEST,
)
from medcalc_assets.calculators.rules import Formula, Score
from medcalc_assets.labels.attribution import PUBLISHED
from medcalc_assets.labels.finding import Finding, Kind
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import Label, number


def check_note(calculator: Calculator, entities: Mapping[str, object], label: Label, text: str) -> list[Finding]:
    """What the note says of the entities and the label of its instance. Never raises, whatever they are.

    One finding of `STATUS` per entity that is a number other than 0, a date or a dose, but none for a score that the note
    may have in words; and one for everything else that is found.
    """
    return list(_Instance(calculator, entities, label, Note(text)).findings())


@dataclass(frozen=True)
class _Given:
    """A constant in the place of a term."""

    name: str
    unit: str
    value: float

    def of(self, values: Any) -> float:
        return self.value

    def shown(self, value: Any) -> str:
        return f"{numeral(self.value)} {self.unit}".strip()

    def inputs(self) -> tuple[()]:
        return ()


@dataclass(frozen=True)
class _Instance:
    calculator: Calculator
    entities: Mapping[str, object]
    label: Label
    note: Note

    @cached_property
    def reading(self) -> Reading:
        return self.calculator.reader.read(self.entities)

    def findings(self) -> Iterator[Finding]:
        for source, raw in self._usable():
            yield from self._entity(source, raw)
        yield from self._reported()
        yield from self._population()
        yield from self._label()

    def _usable(self) -> Iterator[tuple[Input, Any]]:
        """The inputs that the entities give, once each and so that they can be used."""
        unusable = {problem.entity for problem in self.reading.problems}
        for name, raw in self.reading.entities.items():
            source = self.calculator.reader.find(str(name))
            if source is not None and raw is not None and source.key not in unusable:
                yield source, raw

    # What stands in the note.

    def _entity(self, source: Input, raw: Any) -> Iterator[Finding]:
        if isinstance(source, Day):
            yield self._day(source, self.reading.values[source.key])
        elif isinstance(source, SteroidDose):
            yield self._status(source.amount, list(raw[1:]), source)
        elif isinstance(source, Quantity):
            amount = raw if isinstance(raw, list | tuple) else (raw, source.unit)
            if amount[0]:
                status = self._status(source, amount, source)
                if status.kind != "absent" or source.key not in ASSESSED:
                    yield status
                yield from self._quantity(source, amount)

    def _day(self, source: Day, day: date) -> Finding:
        forms = (
            f"{day:%m/%d/%Y}",
            f"{day.month}/{day.day}/{day.year}",
            f"{day.month}/{day.day}/{day:%y}",
            f"{day:%m/%d/%y}",
            f"{day:%Y-%m-%d}",
            f"{day:%B} {day.day}, {day.year}",
            f"{day.day} {day:%B} {day.year}",
        )
        given = source.shown(day)
        for form in forms:
            if (start := self.note.text.find(form)) >= 0:
                return self._at("found", source, given, given, start, start + len(form), f"The note has it: {form}.")
        return Finding("absent", source.key, given, None, None, None, None, {}, f"The note does not have {given}.")

    def _status(self, source: Quantity, amount: Any, entity: Input) -> Finding:
        value, unit = amount
        unit = source.miswritten.get(unit, unit)
        given = f"{value:.10g} {unit}".strip()
        here = list(self.note.by_value.get(float(f"{float(value):.12g}"), ()))
        if here:
            canonical = self._canonical(source, amount)
            best = min(
                here, key=lambda each: (*self._fit(entity, source, canonical, each), each.glued, each.ranged, each.start)
            )
            return self._amount("found", entity, given, given, best, "The note has this number.")
        if spelt := self._spelt(float(value)):
            return self._at("found", entity, given, given, spelt.start(), spelt.end(), "The note has this number.")
        thousands = [each for each in self.note.by_value.get(float(value) / 1000, ()) if self._named(entity, each)]
        if source.unit == "/µL" and thousands:
            return self._amount("converted", entity, given, f"{thousands[0].value:.10g}", thousands[0], "In thousands.")
        canonical, exact = self._canonical(source, amount), float(value)
        slack = max(0.006, 0.5 * 10.0 ** -max(1, _decimals(exact)) / abs(exact)) * abs(canonical)
        for each in self.note.amounts:
            other = each.read_in(source.unit, source.substance) if source.unit and not each.glued else None
            if other is not None and abs(((other + 1e-9) // 1 if source.whole else other) - canonical) <= slack:
                return self._amount("converted", entity, given, f"{each.value:.10g} {each.unit}", each, "In another unit.")
        for start, each in self._mentions(entity.key):
            found = self._read(source, each)
            if found is not None and _close(found, exact, 1e-6):
                return self._amount("found", entity, given, given, each, "The note has this number, in another unit.")
            if found is not None:
                why = f"The note gives {{}}, and nowhere {given}."
                return self._changed("another_number", source, given, found, (start, each), why)
        return Finding(
            "absent", entity.key, given, None, None, None, None, {}, f"The note has {given} nowhere, in any unit known here."
        )

    def _spelt(self, value: float) -> re.Match[str] | None:
        """Where the number stands in a word, with a comma for its point, or with blanks or points between its thousands."""
        whole, _, fraction = f"{value:.10g}".partition(".")
        if value >= 1000 and not fraction and (grouped := f"{int(value):,}") != whole:
            return re.search(rf"(?<!\d){grouped.replace(',', '[ .]')}(?![\d.])", self.note.text)
        if fraction:
            return re.search(rf"(?<!\d){re.escape(whole)}\s?,\s?{fraction}0*(?!\d)", self.note.text)
        word = NUMBER_WORDS.get(value)
        return re.search(rf"\b{word}\b", self.note.text, re.IGNORECASE) if word else None

    def _canonical(self, source: Quantity, amount: Any) -> float:
        """The amount in the unit of the input, whatever is possible."""
        return replace(source, possible=(-math.inf, math.inf), whole=False).read([float(amount[0]), amount[1]])

    def _fit(self, entity: Input, source: Quantity, canonical: float, amount: Amount) -> tuple[bool, bool, bool]:
        """How badly an amount of this number fits: of another unit, without a name before it, without a unit."""
        value = amount.read_in(source.unit, source.substance) if source.unit else None
        same = value is not None and _close(value, canonical)
        return bool(amount.unit) and not same, not self._named(entity, amount), not same

    def _named(self, entity: Input, amount: Amount) -> bool:
        """Whether the name of the entity stands shortly before."""
        names = NAMES.get(entity.key)
        return bool(names and names.search(self.note.text, max(0, amount.start - 40), amount.start))

    def _near(self, source: Quantity, amount: Amount) -> bool:
        """Whether the name of the entity stands anywhere around, as in lists of names and numbers, or after the number."""
        return bool(NAMES[source.key].search(self.note.text, max(0, amount.start - 120), amount.end + 40))

    def _mentions(self, key: str) -> list[tuple[int, Amount]]:
        names = NAMES.get(key)
        if names is None:
            return []
        found = self.note.given_as(names, None if key.startswith("Urine") else OTHERWISE)
        return [(start, amount) for start, amount in found if not amount.glued]

    def _read(self, source: Quantity, amount: Amount) -> float | None:
        """The amount in the unit of the input; None where it is no such quantity, or none that is usual."""
        value = amount.read_in(source.unit, source.substance) if source.unit else amount.value if not amount.unit else None
        if value is None and not amount.unit:
            value = self._canonical(source, (amount.value, self._unit(source)))
        low, high = USUAL.get(source.key, source.plausible)
        return value if value is not None and low <= value <= high else None

    def _unit(self, source: Quantity) -> str:
        raw = next((raw for each, raw in self._usable() if each is source), None)
        return str(raw[1]) if isinstance(raw, list | tuple) else source.unit

    # What is wrong with a quantity.

    def _quantity(self, source: Quantity, amount: Any) -> Iterator[Finding]:
        value = self.reading.values[source.key]
        given = f"{amount[0]:.10g} {amount[1]}".strip()
        slip = self._unit_slip(source, amount, given)
        if slip:
            yield slip
        elif not source.plausible[0] <= value <= source.plausible[1]:
            at = self._quoted(source, float(amount[0]), value)
            low, high = source.plausible
            why = f"{source.shown(value)} is outside {low:,.10g} to {high:,.10g}, the range seen alive."
            yield self._amount("implausible", source, given, None, at and at[1], why)
        yield from self._another_quantity(source, amount, given)
        if source.key == "Blood Urea Nitrogen (BUN)" and amount[1] == "mg/dL":
            yield from self._urea(source, amount[0], given)
        if source.key == "weight":
            yield from self._weight_change(source, amount, given)
        yield from self._time_points(source, value, given)

    def _another_quantity(self, source: Quantity, amount: Any, given: str) -> Iterator[Finding]:
        """Where the number stands in the note as another quantity, and nowhere else."""
        same = self.note.by_value.get(float(amount[0]), [])
        if source.key not in NAMES or source.key.startswith("Urine") or any(self._near(source, each) for each in same):
            return
        named = []
        for each in same:
            if (start := self._other_name(source, each)) is None:
                return
            named.append(start)
        if named:
            why = f"{given} stands in the note as another quantity, and nowhere as {source.name}."
            yield self._at("another_quantity", source, given, None, named[0], same[0].end, why)

    def _other_name(self, source: Quantity, amount: Amount) -> int | None:
        """Where the name of another quantity stands that the amount is directly given as."""
        others = (
            names
            for key, names in NAMES.items()
            if names.pattern != NAMES[source.key].pattern
            and not {key, source.key} <= PRESSURES  # which are given as one
            and not (key in SIZES and amount.unit and amount.read_in(SIZES[key], None) is None)
        )
        return next((at for names in others for at, each in self.note.given_as(names) if each == amount), None)

    def _unit_slip(self, source: Quantity, amount: Any, given: str) -> Finding | None:
        low, high = USUAL.get(source.key, (None, None))
        value = self.reading.values[source.key]
        if low is None or high is None or low <= value <= high:
            return None
        number, unit = float(amount[0]), str(amount[1])
        meant = {each: self._canonical(source, [number, each]) for each in (source.unit, *MEANT.get(source.key, ()))}
        meant |= {f"thousands of {unit}": value * 1000, f"thousandths of {unit}": value / 1000}
        usual = {each: other for each, other in meant.items() if low <= other <= high}
        at = self._quoted(source, number, value)
        if not usual or at is None:
            return None
        unit, other = next(iter(usual.items()))
        why = f"{given} is {source.shown(value)}, which nobody has; {number:.10g} {unit} is usual."
        return self._changed("unit_slip", source, given, other, at, why)

    def _quoted(self, source: Quantity, number: float, value: float) -> tuple[int, Amount] | None:
        """Where the note gives the quantity as this number, or else at all."""
        mentions = self._mentions(source.key)
        same = [each for each in mentions if each[1].value == number or _close(self._read_any(source, each[1]), value)]
        return next(iter(same or mentions), None) if same or number not in self.note.by_value else None

    def _read_any(self, source: Quantity, amount: Amount) -> float:
        return amount.read_in(source.unit, source.substance) or math.nan

    def _urea(self, source: Quantity, value: float, given: str) -> Iterator[Finding]:
        for start, amount in self.note.given_as(UREA, OTHERWISE):
            name = UREA.match(self.note.text, start)
            if amount.value != value or name is None or NITROGEN.match(self.note.text, name.end()):
                continue
            if amount.unit in ("mg/dL", ""):
                why = f"The note gives urea, not urea nitrogen: {value:.10g} mg/dL of urea are {{}}."
                yield self._changed("urea", source, given, value / UREA_PER_NITROGEN, (start, amount), why)
                return

    def _weight_change(self, source: Quantity, amount: Any, given: str) -> Iterator[Finding]:
        text = self.note.text
        same = [
            each
            for each in self.note.by_value.get(float(amount[0]), ())
            if each.unit in ("kg", "lb", "g") and not each.ranged
        ]
        changes = [each for each in same if _change(text, each)]
        if changes and len(changes) == len(same):
            at = changes[0]
            before = LOST.search(text, max(0, at.start - 45), at.start)
            after = LOST_AFTER.match(text, at.end)
            start, end = before.start() if before else at.start, after.end() if after else at.end
            why = f"{given} is what was lost or gained, or the weight at birth."
            yield self._at("weight_change", source, given, None, start, end, why)

    def _time_points(self, source: Quantity, value: float, given: str) -> Iterator[Finding]:
        if source.key in ("age", "height") or source.key not in NAMES:
            return
        mentions = [(start, amount, self._read(source, amount)) for start, amount in self._mentions(source.key)]
        if not any(found is not None and _close(found, value) for _, _, found in mentions):
            return
        seen = [value]
        for start, amount, found in mentions:
            if found is None or any(_close(found, each) for each in seen):
                continue
            first, last = self.note.sentence(start)
            if cue := LATER.search(self.note.text, first, min(last, amount.end + 60)):
                seen.append(found)
                why = f"The note gives {{}} at another time ({cue[0].lower()}) than {given}."
                yield self._changed("time_points", source, given, found, (start, amount), why)

    # The result, the patient and the label.

    def _reported(self) -> Iterator[Finding]:
        """The result, or a step to it, as the note prints it, where the rule gives another."""
        body = self.calculator.body
        for step in (body, *_steps(body)):
            seen: list[float] = []
            for start, amount in self._printed(RESULTS[step.name]) if step.name in RESULTS else ():
                value = self._in_unit_of(step, amount)
                later = seen and LATER.search(self.note.text, *self.note.sentence(start))
                if value is not None and not later and value not in seen:
                    seen.append(value)
                    yield from self._printed_otherwise(step, value, start, amount.end)

    def _printed_otherwise(self, step: Formula | Score, value: float, start: int, end: int) -> Iterator[Finding]:
        published, output_type = self.calculator.published.apply(self.reading).value, self.calculator.output_type
        computed = step.of(self.reading.values) if published else None
        if step is self.calculator.body:
            then = {"the note": _text(number(value))}
            same = published and accepts(number(value), published, output_type)
        else:
            then = self._gives(self.reading, lambda rule: _replaced(rule, step, value))
            same = published and PUBLISHED in then and accepts(parse_label(then[PUBLISHED]), published, output_type)
        if same or (computed is not None and _close(computed, value, ROUNDED)):
            return
        shown = f"{numeral(value)} {step.unit}".strip()
        ours = "nothing" if computed is None else f"{numeral(computed)} {step.unit}".strip()
        why = f"The note prints {step.name} as {shown}; from the entities it is {ours}: reported or calculated?"
        yield Finding("reported", step.name, ours, shown, self.note.text[start:end], start, end, then, why)

    def _printed(self, names: re.Pattern[str]) -> Iterator[tuple[int, Amount]]:
        listed = dict(self._listed(names))
        for start, each in self.note.given_as(names, NOT_THIS_RESULT):
            if not each.glued and start not in listed and not CORRECTED.match(self.note.text, each.end):
                yield start, each
        yield from listed.items()

    def _listed(self, names: re.Pattern[str]) -> Iterator[tuple[int, Amount]]:
        """The last value of a list whose last name is this one: "A, B and C were 1, 2 and 3"."""
        for match in islice(names.finditer(self.note.text), MOST_MENTIONS):
            verb = LISTED.match(self.note.text, match.end())
            before = self.note.text[max(0, match.start() - 5) : match.start()]
            if not verb or not before.rstrip().lower().endswith("and"):
                continue
            _, last = self.note.sentence(match.end())
            values: list[Amount] = []
            place = verb.end()
            while (each := self.note.after(place)) and each.start < last + 40 and len(values) < 8:
                gap = self.note.text[place : each.start]
                if not BETWEEN.fullmatch(gap):
                    break
                values.append(each)
                place = each.end
                if reference := REFERENCE.match(self.note.text, place):
                    place = reference.end()
            if len(values) >= 3:
                yield match.start(), values[-1]

    def _in_unit_of(self, step: Formula | Score, amount: Amount) -> float | None:
        """The amount in the unit of a result; None where its own is of something else."""
        if not amount.unit or step.unit in ("", "points"):
            return None if amount.unit else amount.value
        return amount.read_in(step.unit, SUBSTANCE_OF_RESULT.get(step.name, "sodium"))

    def _population(self) -> Iterator[Finding]:
        text = self.note.text
        youngest = YOUNGEST.get(self.calculator.id, 0.0)
        for amount in self.note.amounts:
            old = OLD.match(text, amount.end)
            years = amount.read_in("years", None) if old else None
            if old is None or years is None or amount.start > NEAR_THE_BEGINNING:
                continue
            animal = ANIMAL.match(text, amount.end)
            age, end = f"{amount.value:.10g} {amount.unit}", animal.end() if animal else old.end()
            if animal or years < youngest:
                why = f"The patient is {age} old; the rule is for those of {youngest:g} years or more."
                why = f"The patient is an animal: {animal[1].lower()}." if animal else why
                yield Finding("population", "patient", age, None, text[amount.start : end], amount.start, end, {}, why)
            return

    def _label(self) -> Iterator[Finding]:
        low, high = self.calculator.range
        if self.label.number is not None and not low - 1e-9 <= self.label.number <= high + 1e-9:
            why = f"The label is {self.label}; the answer lies from {low:g} to {high:g}."
            yield Finding("label_out_of_range", "label", str(self.label), None, None, None, None, {}, why)

    # Making findings.

    def _gives(self, reading: Reading, change: Callable[[Rule], Rule] = lambda rule: rule) -> dict[str, str]:
        """What the published rule and the other conventions give, by name, as far as they can be computed."""
        rules = {PUBLISHED: self.calculator.published} | {rule.name: rule for rule in self.calculator.alternatives}
        values = {name: change(rule).apply(reading).value for name, rule in rules.items()}
        return {name: _text(value) for name, value in values.items() if value}

    def _changed(self, kind: Kind, source: Quantity, given: str, value: float, at: tuple[int, Amount], why: str) -> Finding:
        """A finding that gives an input another value, in its own unit. `why` has `{}` where that value belongs."""
        other = [value, source.unit] if source.unit else value
        find, entities = self.calculator.reader.find, self.reading.entities
        changed = {name: other if find(str(name)) is source else raw for name, raw in entities.items()}
        then = self._gives(self.calculator.reader.read(changed))
        found = source.shown(float(f"{value:.6g}"))
        start, end = at[0], at[1].end
        quote = self.note.text[start:end]
        return Finding(kind, source.key, given, found, quote, start, end, then, why.replace("{}", found))

    def _amount(self, kind: Kind, entity: Input, given: str, found: str | None, at: Amount | None, why: str) -> Finding:
        if at is None:
            return Finding(kind, entity.key, given, found, None, None, None, {}, why)
        return self._at(kind, entity, given, found, at.start, at.end, why)

    def _at(self, kind: Kind, entity: Input, given: str, found: str | None, start: int, end: int, why: str) -> Finding:
        return Finding(kind, entity.key, given, found, self.note.text[start:end], start, end, {}, why)


def _change(text: str, amount: Amount) -> bool:
    before = LOST.search(text, max(0, amount.start - 45), amount.start)
    weighed = before and re.search(r"weigh(?:s|ed|ing)\b|\bto\b|weight (?:is|was|of \d)", before[0], re.IGNORECASE)
    if before and before[0].lower().startswith("birth") and NEWBORN.search(text, 0, NEAR_THE_BEGINNING):
        weighed = before
    return bool(before and not weighed) or bool(LOST_AFTER.match(text, amount.end))


ROUNDED = 0.02
"""Results are printed in two or three digits."""


def _text(value: Label) -> str:
    return str(value if value.number is None else number(value.number + 0))  # there is no -0


def _decimals(value: float) -> int:
    return len(f"{value:.10g}".partition(".")[2])


def _close(a: float, b: float, within: float = 0.01) -> bool:
    return abs(a - b) <= within * max(abs(a), abs(b))


def _steps(body: Any) -> Iterator[Formula]:
    """The formulas within a formula."""
    for term in getattr(body, "terms", ()):
        if isinstance(term, Formula):
            yield term
            yield from _steps(term)


def _replaced(rule: Rule, step: Formula | Score, value: float) -> Rule:
    """The rule, a formula, with a value in the place of one of its steps."""
    given: Any = _Given(step.name, step.unit, value)
    return replace(rule, body=rule.body.but({step.name: given}))
