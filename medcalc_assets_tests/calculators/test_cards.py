from datetime import date
from itertools import combinations

import polars as pl
import pytest

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.calculators.cards import Hanging, hanging, in_order
from medcalc_assets.defs.derivation import audited
from medcalc_assets.labels.value import day, number
from medcalc_assets_tests.statistics.real import hanging_of, instances_of

CYCLES = "takes every cycle to be of 28 days"


@pytest.fixture(scope="module")
def contradicted(real_data):
    """The labels of the test split that their own entities contradict, with what their rule gives under each defect."""
    instances = instances_of(real_data)
    audits = pl.concat(map(audited, instances.partition_by("calculator")))
    return hanging_of(instances, audits.rename({"likely_error": "contradicted"}))


def best(labels, coverage):
    """By number of cards, the most labels that any so many cards cover, if each finds v1.0 wrong: exactly."""
    most = [0]
    for calculator in {each.calculator for each in labels}:
        own = [each for each in labels if each.calculator is calculator]
        cards = sorted({defect for each in own for defect in each.defects})
        gains = [
            max(sum(coverage(each.under(dict.fromkeys(some, True))) for each in own) for some in combinations(cards, size))
            for size in range(len(cards) + 1)
        ]
        most = [
            max(most[n - k] + gain for k, gain in enumerate(gains) if 0 <= n - k < len(most))
            for n in range(len(most) + len(cards))
        ]
    return most


@pytest.mark.real_data
def test_a_rule_with_all_the_defects_of_a_label_gives_it(contradicted):
    assert len(contradicted) == 194
    for each in contradicted:
        assert each.under(dict.fromkeys(each.defects, False)).shown_right, each.uid
        assert each.under(dict.fromkeys(each.defects, True)).shown_wrong, each.uid


@pytest.mark.real_data
def test_the_cards_cover_as_many_labels_as_designed(contradicted):
    cards = {(each.calculator.id, defect) for each in contradicted for defect in each.defects}
    assert (len(cards), len({calculator for calculator, _ in cards})) == (32, 17)
    hang_on = [len(each.defects) for each in contradicted]
    assert [hang_on.count(n) for n in range(1, 6)] == [128, 31, 26, 5, 4]
    for coverage, of_ten, of_nineteen, for_190, for_194 in (
        (lambda found: found.touched, 166, 194, 17, 19),
        (lambda found: found.shown_wrong, 157, 190, 19, 22),
        (lambda found: found.value is not None, 121, 165, 28, 31),
    ):
        most = best(contradicted, coverage)
        assert (most[10], most[19]) == (of_ten, of_nineteen)
        assert [next(n for n, covered in enumerate(most) if covered >= wanted) for wanted in (190, 194)] == [
            for_190,
            for_194,
        ]


@pytest.mark.real_data
def test_the_order_shows_as_many_originals_wrong_as_any_other_could(contradicted):
    order = in_order(contradicted)
    assert len(order) == 32
    assert [order[n - 1].shown_wrong for n in (10, 19, 22)] == [157, 190, 194]
    assert [card.shown_wrong for card in order] == best(contradicted, lambda found: found.shown_wrong)[1:]
    assert order[-1][3:] == (194, 194, 194)
    cycles = next(card for card in order if card.defect == CYCLES)
    assert len(cycles.uids) == 19


@pytest.mark.real_data
def test_what_is_ruled_is_asked_no_more_and_counts(contradicted):
    first, second, *_ = in_order(contradicted)
    again = in_order(contradicted, {first[:2]: True})
    assert again[0] == second
    ruled_right = in_order(contradicted, {first[:2]: False})
    assert first[:2] not in [card[:2] for card in ruled_right]
    assert ruled_right[-1].shown_wrong < 194


def conception(cycle, label):
    entities = {"Last menstrual date": "01/01/2024", "cycle length": cycle}
    return hanging(1, CALCULATORS[68], entities, label, [CYCLES])


def test_an_open_card_leaves_both_values_possible():
    hangs = conception(30, day(date(2024, 1, 15)))
    assert hangs.under({}) == (False, False, False, None)
    assert hangs.under({CYCLES: True}) == (True, True, False, day(date(2024, 1, 17)))
    assert hangs.under({CYCLES: False}) == (True, False, True, day(date(2024, 1, 15)))


def test_defects_may_undo_each_other():
    """A label can be shown wrong only once every card is ruled under which some open one would give it back."""
    values = {frozenset(): number(1), frozenset("a"): number(2), frozenset("b"): number(1), frozenset("ab"): number(3)}
    hangs = Hanging(1, CALCULATORS[45], number(3), ("a", "b"), values)
    assert not hangs.under({}).shown_wrong
    assert hangs.under({"a": True}) == (True, True, False, number(1))  # whatever b is
    assert hangs.under({"b": True}).shown_wrong
    assert hangs.under({"b": True}).value is None  # 1, or 2 if a is right
