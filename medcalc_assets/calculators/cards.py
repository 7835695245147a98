"""Rule cards: one question per defect of an original rule, and what the rulings on them settle.

A ruling settles the rule, not the entities: what it determines is the value of these entities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import NamedTuple

from medcalc_assets.calculators.calculator import Calculator, Rule
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.value import Label

CardKey = tuple[int, str]
"""The id of a calculator, and what completes "v1.0 ..."."""


class Settled(NamedTuple):
    """What rulings say of a label, whatever the open cards will say."""

    touched: bool
    """At least one of its cards is ruled."""
    shown_wrong: bool
    """Every value that remains possible is outside of the original label's limits."""
    shown_right: bool
    """Every value that remains possible is within them."""
    value: Label | None
    """What the rules give, if its limits accept every value that remains possible; None while the value is open."""


@dataclass(frozen=True)
class Hanging:
    """A contradicted label, the defects of the original rule that it hangs on, and its value by which of them are right."""

    uid: int
    calculator: Calculator
    label: Label
    defects: tuple[str, ...]
    values: Mapping[frozenset[str], Label | None]
    """By the defects that the rule has: none is the published rule."""

    def under(self, rulings: Mapping[str, bool]) -> Settled:
        """After `rulings` on defects of its calculator: True where physicians find v1.0 wrong, False where right."""
        unruled = [defect for defect in self.defects if defect not in rulings]
        right = frozenset(defect for defect in self.defects if rulings.get(defect) is False)
        possible = [self.values[right | also] for also in _subsets(unruled)]
        kept = [value is not None and self._accepts(self.label, value) for value in possible]
        simplest = possible[0]
        determined = simplest is not None and all(each and self._accepts(simplest, each) for each in possible)
        return Settled(len(unruled) < len(self.defects), not any(kept), all(kept), simplest if determined else None)

    def _accepts(self, truth: Label, answer: Label) -> bool:
        return accepts(truth, answer, self.calculator.output_type)


def hanging(
    uid: int, calculator: Calculator, entities: Mapping[str, object], label: Label, defects: Iterable[str]
) -> Hanging:
    """A contradicted label with what its rule gives under each subset of the `defects` that the derivation audit names."""
    reading, defects = calculator.reader.read(entities), tuple(defects)
    values = {some: _rule(calculator, some).apply(reading).value for some in _subsets(defects)}
    return Hanging(uid, calculator, label, defects, values)


@cache
def _rule(calculator: Calculator, defects: frozenset[str]) -> Rule:
    return calculator.having(defects)


def _subsets(defects: Iterable[str]) -> list[frozenset[str]]:
    """The smallest first."""
    among = tuple(defects)
    return [frozenset(some) for size in range(len(among) + 1) for some in combinations(among, size)]


class Card(NamedTuple):
    """A card in its order, and how many labels have been touched, shown wrong and determined once it is ruled, too."""

    calculator_id: int
    defect: str
    uids: tuple[int, ...]
    """The labels that hang on it."""
    touched: int
    shown_wrong: int
    determined: int


def in_order(labels: Iterable[Hanging], ruled: Mapping[CardKey, bool] | None = None) -> list[Card]:
    """The open cards, first the one that shows the most further original labels wrong, if physicians find v1.0 wrong.

    Ties: the most further values determined, then the most labels that hang on it, then calculator and defect. That every
    open card finds v1.0 wrong is what is expected; `ruled` holds what physicians have said so far.
    """
    rulings = _by_calculator(ruled or {})
    kinds = _alike(labels)
    counts = {number: _coverage(those, rulings.get(number, {})) for number, those in kinds.items()}
    uids: dict[CardKey, list[int]] = {}
    for number, those in kinds.items():
        for each, members in those:
            for defect in each.defects:
                if (number, defect) not in (ruled or {}):
                    uids.setdefault((number, defect), []).extend(members)

    def with_card(key: CardKey) -> tuple[int, int, int]:
        return _coverage(kinds[key[0]], rulings.get(key[0], {}) | {key[1]: True})

    def worth(key: CardKey) -> tuple[int, ...]:
        (_, wrong, value), (_, wrong_so_far, value_so_far) = gains[key], counts[key[0]]
        return wrong_so_far - wrong, value_so_far - value, -len(uids[key])

    cards, gains = [], {key: with_card(key) for key in uids}
    while gains:
        key = min(gains, key=lambda key: (worth(key), key))
        number, defect = key
        counts[number] = gains.pop(key)
        rulings[number] = rulings.get(number, {}) | {defect: True}
        gains |= {other: with_card(other) for other in gains if other[0] == number}
        totals = map(sum, zip(*counts.values(), strict=True))
        cards.append(Card(number, defect, tuple(sorted(uids[key])), *totals))
    return cards


def _by_calculator(ruled: Mapping[CardKey, bool]) -> dict[int, dict[str, bool]]:
    found: dict[int, dict[str, bool]] = {}
    for (number, defect), wrong in ruled.items():
        found.setdefault(number, {})[defect] = wrong
    return found


def _alike(labels: Iterable[Hanging]) -> dict[int, list[tuple[Hanging, list[int]]]]:
    """By calculator, the labels that hang on the same cards in the same way: one of each kind, and the uids of all."""
    kinds: dict[tuple[object, ...], tuple[Hanging, list[int]]] = {}
    for each in labels:
        ways = (each.under(dict.fromkeys(some, True)) for some in _subsets(each.defects))
        like = (each.calculator.id, each.defects, tuple((way.shown_wrong, way.value is not None) for way in ways))
        kinds.setdefault(like, (each, []))[1].append(each.uid)
    found: dict[int, list[tuple[Hanging, list[int]]]] = {}
    for each, uids in kinds.values():
        found.setdefault(each.calculator.id, []).append((each, uids))
    return found


def _coverage(kinds: list[tuple[Hanging, list[int]]], rulings: Mapping[str, bool]) -> tuple[int, int, int]:
    """Labels touched, shown wrong, and determined."""
    settled = [(each.under(rulings), len(uids)) for each, uids in kinds]
    return (
        sum(n for found, n in settled if found.touched),
        sum(n for found, n in settled if found.shown_wrong),
        sum(n for found, n in settled if found.value is not None),
    )
