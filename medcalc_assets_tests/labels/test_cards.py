import json
from datetime import date
from itertools import accumulate, combinations

import polars as pl
import pytest

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.defs.derivation import audited
from medcalc_assets.labels.cards import Card, Hanging, all_in_order, hanging, in_order, majority
from medcalc_assets.labels.value import NA, as_columns, columns, day, number
from medcalc_assets_tests.statistics.real import hanging_of, instances_of

CYCLES = Card(68, "defect", "takes every cycle to be of 28 days")


@pytest.fixture(scope="module")
def contradicted(real_data):
    """The labels of the test split that their own entities contradict, with what their rule gives under each defect."""
    audits = pl.concat(map(audited, instances_of(real_data).partition_by("calculator")))
    none = [pl.lit(None).alias(name) for name in ("attribution", *columns("relabel"))]
    return hanging_of(audits.rename({"likely_error": "contradicted"}).with_columns(none))


def best(labels, coverage):
    """By number of cards, the most labels that any so many cards cover, if each finds v1.0 wrong: exactly."""
    most = [0]
    for calculator in {each.cards[0].calculator_id for each in labels}:
        own = [each for each in labels if each.cards[0].calculator_id == calculator]
        cards = sorted({card.id for each in own for card in each.cards})
        gains = [
            max(sum(coverage(each.under(dict.fromkeys(n, "wrong"))) for each in own) for n in combinations(cards, size))
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
        ids = [card.id for card in each.cards]
        assert each.under(dict.fromkeys(ids, "right")).shown_right, each.uid
        assert each.under(dict.fromkeys(ids, "wrong")).shown_wrong, each.uid


@pytest.mark.real_data
def test_the_cards_cover_as_many_labels_as_designed(contradicted):
    cards = {card for each in contradicted for card in each.cards}
    assert (len(cards), len({card.calculator_id for card in cards})) == (32, 17)
    hang_on = [len(each.cards) for each in contradicted]
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
    shown = list(accumulate(place.shows_wrong for place in order))
    assert [shown[n - 1] for n in (10, 19, 22)] == [157, 190, 194]
    assert shown == best(contradicted, lambda found: found.shown_wrong)[1:]
    assert [sum(figures) for figures in zip(*(place[2:] for place in order), strict=True)] == [194, 194, 194]
    assert len(next(place.uids for place in order if place.card == CYCLES)) == 19


@pytest.mark.real_data
def test_the_order_of_all_calculators_follows_from_that_of_each(contradicted):
    """So that the cards of a calculator can be made anew alone."""
    rows = []
    for calculator in {each.cards[0].calculator_id for each in contradicted}:
        own = in_order([each for each in contradicted if each.cards[0].calculator_id == calculator])
        rows += [
            {**place.card._asdict(), "labels": len(place.uids), "place": n, **place._asdict()}
            for n, place in enumerate(own, start=1)
        ]
    assert [row["card"] for row in all_in_order(rows)] == [place.card for place in in_order(contradicted)]


@pytest.mark.real_data
def test_what_is_ruled_is_asked_no_more_and_counts(contradicted):
    first, second, *_ = in_order(contradicted)
    assert in_order(contradicted, {first.card.id: "wrong"})[0] == second
    ruled_right = in_order(contradicted, {first.card.id: "right"})
    assert first.card not in [place.card for place in ruled_right]
    assert sum(place.shows_wrong for place in ruled_right) < 194


def row(calculator, entities, label, relabel=None, **known):
    """What `hanging` reads of the evidence on a label with these entities."""
    instance = {
        "uid": [1],
        "calculator_id": [calculator],
        "calculator": [CALCULATORS[calculator].slug],
        "benchmark": ["v1.0"],
        "output_type": [CALCULATORS[calculator].output_type],
        "row_sha256": [""],
        "source": [""],
        "entities": [json.dumps(entities)],
        **as_columns("label", [label]),
    }
    (audit,) = audited(pl.DataFrame(instance)).to_dicts()
    return audit | {
        "contradicted": audit["likely_error"],
        "likely_error": relabel is not None and relabel != label,
        "attribution": None,
        **{name: cells[0] for name, cells in as_columns("relabel", [relabel]).items()},
        **known,
    }


def conception(label, relabel=None):
    return hanging(row(68, {"Last menstrual date": "01/01/2024", "cycle length": 30}, label, relabel), ())


def test_an_open_card_leaves_both_values_possible():
    hangs = conception(day(date(2024, 1, 15)))
    assert hangs.cards == (CYCLES,)
    assert hangs.under({}) == (False, False, False, None)
    assert hangs.under({CYCLES.id: "wrong"}) == (True, True, False, day(date(2024, 1, 17)))
    assert hangs.under({CYCLES.id: "right"}) == (True, False, True, day(date(2024, 1, 15)))


def test_a_card_that_is_ruled_case_by_case_settles_nothing():
    assert conception(day(date(2024, 1, 15))).under({CYCLES.id: "case_by_case"}) == (False, False, False, None)


def test_a_label_that_its_entities_give_and_a_relabel_reaches_hangs_on_nothing():
    assert conception(day(date(2024, 1, 17)), day(date(2024, 1, 17))) is None


def test_defects_may_undo_each_other():
    """A label can be shown wrong only once every card is ruled under which some open one would give it back."""
    a, b = Card(45, "defect", "a"), Card(45, "defect", "b")
    hangs = Hanging(1, "integer", number(3), (a, b), (number(1), number(1), number(2), number(3)))
    assert not hangs.under({}).shown_wrong
    assert hangs.under({a.id: "wrong"}) == (True, True, False, number(1))  # whatever b is
    assert hangs.under({b.id: "wrong"}).shown_wrong
    assert hangs.under({b.id: "wrong"}).value is None  # 1, or 2 if a is right


LIPIDS = {
    "Total cholesterol": [200.0, "mg/dL"],
    "Triglycerides": [150.0, "mg/dL"],
    "high-density lipoprotein cholesterol": [50.0, "mg/dL"],
}
PRINTED = {"kind": "reported", "entity": "LDL", "gives": '{"the note": "88"}', "quote_start": 5}


def test_a_result_that_the_note_prints_is_a_question_of_reading():
    hangs = hanging(row(44, LIPIDS, number(120), number(88)), [PRINTED])
    (card,) = hangs.cards
    assert (card.kind, card.subject, card.choices) == ("reading", "reported", ("calculated", "reported"))
    assert hangs.under({card.id: "calculated"}) == (True, False, True, number(120))
    assert hangs.under({card.id: "reported"}) == (True, True, False, number(88))


def test_a_relabel_without_an_answer_asks_what_follows_from_an_input_that_is_not_stated():
    hangs = hanging(row(44, LIPIDS, number(120), NA), ())
    (card,) = hangs.cards
    assert card.subject == "missing"
    assert hangs.under({card.id: "not_computable"}).value == NA
    assert hangs.under({card.id: "absent"}).value == number(120)


def test_a_reading_and_a_defect_are_asked_side_by_side():
    of_audit = {"contradicted": True, "defects": '["a"]', "by_defects": '["120", "150"]'}
    hangs = hanging(row(44, LIPIDS, number(150), number(88), **of_audit), [PRINTED])
    defect, reading = hangs.cards
    assert hangs.values == (number(120), number(88), number(150), number(88))
    assert hangs.under({defect.id: "wrong"}).shown_wrong
    assert hangs.under({defect.id: "wrong"}).value is None
    assert hangs.under({reading.id: "reported"}).value == number(88)
    assert hangs.turns_on(defect)
    assert hangs.turns_on(reading)
    assert hangs.chosen(reading, "calculated") == [number(120), number(150)]


def test_of_several_values_at_different_times_the_first_or_the_last_of_the_note_may_count():
    at = [
        {"kind": "found", "entity": "Triglycerides", "gives": "{}", "quote_start": 40},
        {"kind": "time_points", "entity": "Triglycerides", "gives": '{"the published rule": "100"}', "quote_start": 10},
        {"kind": "time_points", "entity": "Triglycerides", "gives": '{"the published rule": "110"}', "quote_start": 20},
    ]
    hangs = hanging(row(44, LIPIDS, number(120), number(100)), at)
    (card,) = hangs.cards
    assert [hangs.under({card.id: choice}).value for choice in card.choices] == [number(100), number(120)]
    of_another = at[1] | {"entity": "Total cholesterol"}
    assert hanging(row(44, LIPIDS, number(120), number(100)), [*at, of_another]) is None  # which goes with which?


def test_by_convention_a_label_hangs_on_the_one_that_label_or_relabel_follow():
    entities = {"Sodium": [135.0, "mEq/L"], "Chloride": [105.0, "mEq/L"], "Bicarbonate": [6.0, "mEq/L"]}
    hangs = hanging(row(63, entities, number(12), number(-6), attribution="convention"), ())
    (card,) = hangs.cards
    assert card.kind == "convention"
    assert card.subject.startswith("Wrenn K. Ann Emerg Med 1990")
    assert hangs.under({card.id: "published"}).value == number(12)
    assert hangs.under({card.id: "other"}) == (True, True, False, number(-6))


@pytest.mark.parametrize(
    ("choices", "stands"),
    [
        ([], None),
        (["wrong"], ("wrong", 1)),
        (["wrong", "right"], None),
        (["wrong", "right", "wrong"], ("wrong", 2)),
        (["wrong", "right", "wrong", "right"], None),
    ],
)
def test_a_ruling_stands_alone_or_with_more_than_half(choices, stands):
    assert majority(choices) == stands
