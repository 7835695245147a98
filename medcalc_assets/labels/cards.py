"""Cards: questions about a rule or a reading, and what physicians' rulings on them settle of the labels that hang on them.

A ruling settles the rule, not the entities: what it determines is the value of these entities.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from typing import Any, NamedTuple

from medcalc_assets.labels.attribution import PUBLISHED
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import NA, Label, OutputType, from_row

CHOICES = {
    "defect": {"wrong": "v1.0 is wrong here, the published rule holds", "right": "v1.0 is right here"},
    "convention": {"published": "the published rule", "other": "the other convention"},
    "reported": {
        "calculated": "what the rule gives from its inputs",
        "reported": "what the note prints",
    },
    "missing": {
        "not_computable": "the answer cannot be computed",
        "absent": "it counts as absent, or normal",
    },
    "time_point": {"first": "the first value that the note gives", "last": "the last one"},
}
"""By what a card asks, how physicians may rule. The first is what is expected, as far as they have answered such cases."""
READINGS = ("reported", "missing", "time_point")
"""What a card of kind `reading` asks: its subject."""
CASE_BY_CASE = "case_by_case"
"""May be ruled on every card, and settles nothing."""
KINDS = {
    "defect": "whether v1.0 is right in a named difference from the published rule",
    "convention": "which of two published conventions the question asks for",
    "reading": "how notes are read: a result that the note prints, an input that it does not state, which time point",
}


class Card(NamedTuple):
    """`subject`: what completes "v1.0 ..." of a defect, the name of a convention, or one of READINGS."""

    calculator_id: int
    kind: str
    subject: str

    @property
    def id(self) -> str:
        """By which a ruling names it. Another wording is another card."""
        return _id(self)

    @property
    def choices(self) -> tuple[str, ...]:
        """Those that settle anything."""
        return tuple(self.meanings)[:-1]

    @property
    def meanings(self) -> Mapping[str, str]:
        """By choice what it means; the last one is CASE_BY_CASE."""
        return CHOICES[self.subject if self.kind == "reading" else self.kind] | {
            CASE_BY_CASE: "it differs from case to case"
        }


@cache
def _id(card: Card) -> str:
    return f"{card.calculator_id}-{card.kind}-{hashlib.sha256(card.subject.encode()).hexdigest()[:8]}"


class Settled(NamedTuple):
    """What rulings say of a label, whatever the open cards will say."""

    touched: bool
    """At least one of its cards is ruled."""
    shown_wrong: bool
    """Every value that remains possible is outside of the original label's limits."""
    shown_right: bool
    """Every value that remains possible is within them."""
    value: Label | None
    """What is given as expected, if its limits accept every value that remains possible; None while it is open."""


@dataclass(frozen=True)
class Hanging:
    """A label, the cards that it hangs on, and its value under every combination of their choices, in product order."""

    uid: int
    output_type: OutputType
    label: Label
    cards: tuple[Card, ...]
    values: tuple[Label | None, ...]

    @cached_property
    def by_choices(self) -> Mapping[tuple[str, ...], Label | None]:
        return dict(zip(product(*(card.choices for card in self.cards)), self.values, strict=True))

    def turns_on(self, card: Card) -> bool:
        """Whether this card alone, ruled otherwise than expected, changes the value."""
        expected = [each.choices[0] for each in self.cards]
        value = self.by_choices[tuple(expected)]
        for choice in card.choices[1:]:
            expected[self.cards.index(card)] = choice
            other = self.by_choices[tuple(expected)]
            if value and other and not accepts(value, other, self.output_type):
                return True
        return False

    def chosen(self, card: Card, choice: str) -> list[Label | None]:
        """The values that remain possible if a card of its own is ruled so."""
        place = self.cards.index(card)
        return [value for choices, value in self.by_choices.items() if choices[place] == choice]

    def under(self, rulings: Mapping[str, str]) -> Settled:
        """After `rulings`, the choice by id of card. One that is ruled case by case stays open."""
        ruled = [rulings.get(card.id) for card in self.cards]
        left = [
            (choice,) if choice in card.choices else card.choices for card, choice in zip(self.cards, ruled, strict=True)
        ]
        possible = [self.by_choices[choices] for choices in product(*left)]
        kept = [value is not None and accepts(self.label, value, self.output_type) for value in possible]
        expected = possible[0]
        determined = expected is not None and all(
            value is not None and accepts(expected, value, self.output_type) for value in possible
        )
        touched = any(len(choices) == 1 for choices in left)
        known = all(value is not None for value in possible)
        return Settled(touched, known and not any(kept), all(kept), expected if determined else None)


def hanging(row: Mapping[str, Any], findings: Iterable[Mapping[str, Any]]) -> Hanging | None:
    """What a label hangs on, from a row of evidence (with `by_defects`) and the rows of `note_checks` on its instance; None
    for nothing.

    A contradicted label hangs on the defects that the audit names; one that differs from its relabel by convention on the
    other convention. Where a relabel contradicts a label, or there is none, it hangs on the reading, too: of a result that
    the note prints; of an input that the note does not state, where the relabel is N/A; of the time point, where the note
    gives several values of one entity.
    """
    label, published, relabel = (from_row(row, prefix) for prefix in ("label", "published", "relabel"))
    assert label is not None
    number, output_type = row["calculator_id"], row["output_type"]
    cards: list[Card] = []
    values: list[Label | None] = [published]
    if row["contradicted"]:
        cards = [Card(number, "defect", defect) for defect in json.loads(row["defects"])]
        values = [_read(text) for text in json.loads(row["by_defects"])] if cards else values
    elif row["attribution"] == "convention":
        others = {name: _read(text) for name, text in json.loads(row["alternatives"]).items() if name != PUBLISHED}
        given = {
            name: value
            for name, value in others.items()
            if value
            and not (published and accepts(published, value, output_type))
            and any(truth and accepts(truth, value, output_type) for truth in (label, relabel))
        }
        cards = [Card(number, "convention", name) for name in given]
        values = [
            published if not chosen else given[chosen[0]] if len(chosen) == 1 else None
            for some in product((False, True), repeat=len(given))
            for chosen in [[name for name, other in zip(given, some, strict=True) if other]]
        ]
    if row["likely_error"] or relabel is None:
        subject, otherwise = _reading(label, published, relabel, list(findings))
        if subject:
            cards.append(Card(number, "reading", subject))
            first, second = (([each] * len(values) if each != published else values) for each in otherwise)
            values = [value for pair in zip(first, second, strict=True) for value in pair]
    return Hanging(row["uid"], output_type, label, tuple(cards), tuple(values)) if cards else None


def _reading(
    label: Label, published: Label | None, relabel: Label | None, findings: Sequence[Mapping[str, Any]]
) -> tuple[str, tuple[Label | None, Label | None]]:
    """What is asked of a note's reading, and the value by each choice; nothing is asked where the subject is empty."""
    given = [(each, [_read(text) for text in json.loads(each["gives"]).values()]) for each in findings]
    printed = next((values[0] for each, values in given if each["kind"] == "reported" and values), None)
    if printed is not None and published is not None:
        return "reported", (published, printed)
    if relabel == NA and label != NA and published is not None:
        return "missing", (NA, published)
    times = [(each["quote_start"], values[0], each["entity"]) for each, values in given if each["kind"] == "time_points"]
    own = [each["quote_start"] for each in findings if times and each["kind"] == "found" and each["entity"] == times[0][2]]
    if own and published is not None and len({entity for *_, entity in times}) == 1:
        in_order = [value for _, value in sorted([(own[0], published), *((at, value) for at, value, _ in times)], key=_at)]
        return "time_point", (in_order[0], in_order[-1])
    return "", (None, None)


def _at(mention: tuple[int, Label | None]) -> int:
    return mention[0]


def _read(text: str | None) -> Label | None:
    return parse_label(text) if text else None


def majority(choices: Sequence[str]) -> tuple[str, int] | None:
    """The ruling on a card and how many agree, from what each of its reviewers chose: a single one stands; of several, what
    more than half chose. None without one.

    >>> majority(["wrong", "right", "wrong"])
    ('wrong', 2)
    """
    found = Counter(choices).most_common(1)
    return found[0] if found and found[0][1] > len(choices) / 2 else None


class Place(NamedTuple):
    """A card in its order; how many further labels it touches, shows wrong and determines there, if ruled as expected."""

    card: Card
    uids: tuple[int, ...]
    """The labels that hang on it."""
    touches: int
    shows_wrong: int
    determines: int


def in_order(labels: Iterable[Hanging], rulings: Mapping[str, str] | None = None) -> list[Place]:
    """The open cards, first the one that shows the most further original labels wrong, if it is ruled as expected.

    Ties: the most further values determined, then the most labels that hang on it, then calculator, kind and subject.
    `rulings` holds, by id of card, what physicians have said so far.
    """
    rulings = dict(rulings or {})
    kinds = _alike(labels)
    uids: dict[Card, list[int]] = {}
    for those in kinds.values():
        for each, members in those:
            for card in each.cards:
                if card.id not in rulings:
                    uids.setdefault(card, []).extend(members)
    counts = {number: _coverage(those, rulings) for number, those in kinds.items()}

    def gain(card: Card) -> Place:
        there, then = counts[card.calculator_id], rulings | {card.id: card.choices[0]}
        more = (now - before for now, before in zip(_coverage(kinds[card.calculator_id], then), there, strict=True))
        return Place(card, tuple(sorted(uids[card])), *more)

    places, gains = [], {card: gain(card) for card in uids}
    while gains:
        place = min(gains.values(), key=lambda each: _worth(each.shows_wrong, each.determines, len(each.uids), *each.card))
        del gains[place.card]
        number = place.card.calculator_id
        rulings[place.card.id] = place.card.choices[0]
        counts[number] = _coverage(kinds[number], rulings)
        gains |= {card: gain(card) for card in gains if card.calculator_id == number}
        places.append(place)
    return places


def all_in_order(cards: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The open rows of `rule_cards` of all calculators in that order; each has its `place` among those of its own."""
    heads: dict[int, list[Mapping[str, Any]]] = {}
    for row in sorted((row for row in cards if row["place"]), key=lambda row: -row["place"]):
        heads.setdefault(row["calculator_id"], []).append(row)
    names = ("shows_wrong", "determines", "labels", "calculator_id", "kind", "subject")
    found = []
    while heads:
        number = min(heads, key=lambda each: _worth(*(heads[each][-1][name] for name in names)))
        found.append(heads[number].pop())
        if not heads[number]:
            del heads[number]
    return found


def _worth(wrong: int, value: int, labels: int, *otherwise: Any) -> tuple[Any, ...]:
    return -wrong, -value, -labels, *otherwise


def _alike(labels: Iterable[Hanging]) -> dict[int, list[tuple[Hanging, list[int]]]]:
    """By calculator, the labels that hang on the same cards in the same way: one of each kind, and the uids of all."""
    kinds: dict[tuple[object, ...], tuple[Hanging, list[int]]] = {}
    for each in labels:
        # Equal values under every choice are alike; so are those that differ in the same way.
        pattern = tuple(
            (value is None, value is not None and accepts(each.label, value, each.output_type)) for value in each.values
        )
        equal = tuple(
            tuple(a is not None and b is not None and accepts(a, b, each.output_type) for b in each.values)
            for a in each.values
        )
        kinds.setdefault((each.cards, pattern, equal), (each, []))[1].append(each.uid)
    found: dict[int, list[tuple[Hanging, list[int]]]] = {}
    for each, uids in kinds.values():
        found.setdefault(each.cards[0].calculator_id, []).append((each, uids))
    return found


def _coverage(kinds: list[tuple[Hanging, list[int]]], rulings: Mapping[str, str]) -> tuple[int, int, int]:
    """Labels touched, shown wrong, and determined."""
    settled = [(each.under(rulings), len(uids)) for each, uids in kinds]
    return (
        sum(n for found, n in settled if found.touched),
        sum(n for found, n in settled if found.shown_wrong),
        sum(n for found, n in settled if found.value is not None),
    )
