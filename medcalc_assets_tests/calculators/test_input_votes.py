"""What blind readers find decides input by input, and the published rule computes. All notes are invented."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.calculators.input_votes import NOT_STATED, Said, asked, computed, together
from medcalc_assets.calculators.input_votes import consensus as consensus_on
from medcalc_assets.labels.value import NA, number

MAP, ANION_GAP, CAPRINI = CALCULATORS[5], CALCULATORS[39], CALCULATORS[36]
SYSTOLIC, DIASTOLIC = "Systolic Blood Pressure", "Diastolic Blood Pressure"


NOTE = "Blood pressure as noted, 90/60\n mm Hg."


def consensus(calculator, entities, votes, note=NOTE):
    return consensus_on(calculator, entities, votes, note)


def said(value, unit=None, quote="as noted"):
    return Said(value, unit, quote if value is not None else "")


def pressures(*systolic, diastolic=60):
    return [{SYSTOLIC: said(each, "mm Hg"), DIASTOLIC: said(diastolic, "mm Hg")} for each in systolic]


def of(found, name):
    return next(each for each in found.inputs if each["input"] == name)


def test_four_of_five_readings_of_each_input_decide_and_the_rule_computes():
    entities = {SYSTOLIC: [102, "mm Hg"], DIASTOLIC: [60, "mm Hg"]}
    found = consensus(MAP, entities, pressures(90, 90, 102, 90, 90))
    assert (found.status, found.value) == ("computed", number(70))
    assert found.explanation == (
        "4 of 5 blind readers read Systolic Blood Pressure as 90 mm Hg, and the benchmark has 102 mm Hg"
    )
    assert of(found, DIASTOLIC) == {
        "input": DIASTOLIC,
        "read": "60 mm Hg",
        "quote": "as noted",
        "n_agree": 5,
        "n_votes": 5,
        "answers": {"60 mm Hg": 5},
        "given": "60 mm Hg",
        "differs": False,
    }


def test_three_against_two_decide_nothing_and_it_is_said_at_which_input():
    found = consensus(MAP, {}, pressures(90, 90, 102, 102, 90))
    assert (found.status, found.value) == ("split", None)
    assert found.explanation.startswith(
        "blind readers differ on Systolic Blood Pressure (90 mm Hg 3 times, 102 mm Hg 2 times)"
    )


def test_an_input_that_the_note_does_not_state_makes_the_label_not_computable_and_is_named():
    votes = [{SYSTOLIC: said(None), DIASTOLIC: said(60, "mm Hg")}] * 5
    found = consensus(MAP, {SYSTOLIC: [102, "mm Hg"], DIASTOLIC: [60, "mm Hg"]}, votes)
    assert (found.status, found.value, found.missing) == ("not_computable", NA, (SYSTOLIC,))
    assert found.explanation == (
        "5 of 5 blind readers find no Systolic Blood Pressure in the note, and the benchmark has 102 mm Hg"
    )


def test_the_same_value_in_two_units_is_one_reading():
    key = "albumin"
    child = next(
        each for each in CALCULATORS.values() if key in [name.casefold() for of in each.inputs for name in of.names]
    )
    albumin = child.reader.find(key)
    votes = [{albumin.key: said(3.5, "g/dL")}] * 2 + [{albumin.key: said("35", "g/L")}] * 2
    counted = of(consensus(child, {}, votes), albumin.name)
    assert (counted["n_agree"], counted["read"]) == (4, "3.5 g/dL")


def test_a_finding_that_is_not_mentioned_counts_as_absent_as_it_does_for_the_rule():
    flag = next(each for each in CAPRINI.inputs if each.kind == "boolean")
    votes = [{flag.key: said(None)}] * 3 + [{flag.key: said(False)}] * 2
    counted = of(consensus(CAPRINI, {flag.key: True}, votes), flag.name)
    assert (counted["n_agree"], counted["read"], counted["given"], counted["differs"]) == (5, NOT_STATED, "present", True)
    assert not of(consensus(CAPRINI, {flag.key: False}, votes), flag.name)["differs"]


def test_what_cannot_be_read_is_said_and_computes_nothing():
    found = consensus(MAP, {}, pressures(*["low"] * 5))
    assert found.status == "not_computable"
    assert of(found, SYSTOLIC)["read"] == "'low mm Hg', which cannot be used ('low mm Hg' is no number in mm Hg)"


@pytest.mark.parametrize(
    ("quotes", "shown"),
    [
        (["blood pressure AS NOTED,"] * 5, "blood pressure AS NOTED,"),
        (["Blood pressure ... 90/60 mm  Hg"] * 5, "Blood pressure ... 90/60 mm  Hg"),
        (["BP 90/60", "as noted", "?", "", "BP"], "as noted"),
        (["BP 90/60", "pressure as noted 9", "...", "", "Blood ... hypertension"], ""),
    ],
)
def test_the_words_that_are_shown_stand_in_the_note_and_a_reading_without_such_counts(quotes, shown):
    """However they are spaced; a value may follow from others, so that nobody has to quote it."""
    votes = [{SYSTOLIC: said(90, "mm Hg", quote), DIASTOLIC: said(60, "mm Hg")} for quote in quotes]
    found = consensus(MAP, {}, votes)
    assert (found.value, of(found, SYSTOLIC)["n_agree"], of(found, SYSTOLIC)["quote"]) == (number(70), 5, shown)


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (90, "furlongs", "'90 furlongs', which cannot be used ('furlongs' cannot be converted to mm Hg)"),
        (90, "kg", "'90 kg', which cannot be used ("),
        (90, "mm Hg ** 1000", "'90 mm Hg ** 1000', which cannot be used ("),
        (float("nan"), "mm Hg", "'nan mm Hg', which cannot be used ("),
        (float("inf"), "mm Hg", "'inf mm Hg', which cannot be used ("),
        (10**4_000, "mm Hg", "which cannot be used ("),
        (True, "mm Hg", "'True mm Hg', which cannot be used ("),
        ("90 or 100", "mm Hg", "'90 or 100 mm Hg', which cannot be used ("),
        ("9" * 90_000, None, "which cannot be used ("),
    ],
)
def test_a_value_that_is_none_or_of_another_unit_is_told_as_unusable_and_computes_nothing(value, unit, told):
    votes = [{SYSTOLIC: said(value, unit), DIASTOLIC: said(60, "mm Hg")}] * 5
    found = consensus(MAP, {}, votes)
    assert (found.status, found.value) == ("not_computable", NA)
    assert told in of(found, SYSTOLIC)["read"]
    assert len(of(found, SYSTOLIC)["read"]) < 400


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.data())
def test_no_reading_of_any_input_is_ever_an_exception(data):
    calculator = data.draw(st.sampled_from(list(CALCULATORS.values())))
    vote = {each.key: said(data.draw(ANYTHING), data.draw(st.none() | st.text())) for each in calculator.inputs}
    found = consensus(calculator, {}, [vote] * 5)
    assert found.status in ("computed", "not_computable")
    assert found.value == computed(calculator, vote), "each reader alone comes to the same"


def test_fewer_than_four_usable_readings_decide_nothing():
    found = consensus(MAP, {}, pressures(90, 90, 90))
    assert (found.status, found.value) == ("not_read", None)
    assert found.explanation == "only 3 of 5 readers gave an answer of use"


def test_an_input_that_a_reader_leaves_out_got_no_answer_from_it():
    votes = [*pressures(90, 90, 90), {DIASTOLIC: said(60)}, {DIASTOLIC: said(60)}]
    assert of(consensus(MAP, {}, votes), SYSTOLIC)["n_votes"] == 3
    assert consensus(MAP, {}, votes).status == "split"


def test_two_auditors_decide_together_where_neither_comes_to_something_else():
    ninety, higher, none = (consensus(MAP, {}, pressures(*[each] * 5)) for each in (90, 120, "?"))
    split = consensus(MAP, {}, pressures(90, 90, 90, 102, 102))
    assert together({"a": ninety, "b": ninety}, "decimal").value == number(70)
    assert together({"a": ninety, "b": ninety, "c": split}, "decimal").value == number(70)
    for other in (higher, none, split):
        assert together({"a": ninety, "b": other}, "decimal").value is None
    assert together({"a": split}, "decimal").status == "not_read"


def test_the_rule_can_compute_from_what_is_asked_for_by_every_calculator_and_nothing_of_an_instance_is_in_it():
    for calculator in CALCULATORS.values():
        text = asked(calculator)
        names = [json.loads(line[2 : line.rindex('": ') + 1]) for line in text.splitlines()]
        assert {each.key for each in calculator.inputs if each.required} <= set(names)
        assert {each.key for each in calculator.published.counted} <= set(names)
    assert asked(MAP) == (
        '- "Systolic Blood Pressure": a number, usually in mm Hg\n- "Diastolic Blood Pressure": a number, usually in mm Hg'
    )
