"""Whatever is wrong with entities is said about them: never a traceback, never a guessed value."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcalc_assets.calculators import CALCULATORS, audit_derivation, parse_inputs
from medcalc_assets.labels.value import NA, number

CREATININE = {"sex": "Male", "age": [50, "years"], "creatinine": [1.0, "mg/dL"]}


@pytest.mark.parametrize(
    ("id", "entities", "missing"),
    [
        (3, {"sex": "Male", "age": [50, "years"]}, ("creatinine",)),
        (3, {**CREATININE, "creatinine": None}, ("creatinine",)),
        (21, {"Best eye response": "no eye opening"}, ("Best verbal response", "Best motor response")),
        (13, {"cycle length": 28}, ("Last menstrual date",)),
        (6, {}, ("weight", "height")),
    ],
)
def test_a_missing_required_input_is_named(id, entities, missing):
    result = CALCULATORS[id].published.evaluate(entities)
    assert result.value is None
    assert set(result.missing) == set(missing)


@pytest.mark.parametrize(
    ("id", "change", "entity", "words"),
    [
        (3, {"creatnine": [1, "mg/dL"]}, "creatnine", "did you mean 'creatinine'"),
        (3, {"sex": "X"}, "sex", "none of Male, Female"),
        (3, {"sex": True}, "sex", "none of Male, Female"),
        (3, {"creatinine": [1.0, "kg"]}, "creatinine", "'kg' cannot be converted to mg/dL"),
        (3, {"creatinine": [1.0, "spoonfuls"]}, "creatinine", "no unit"),
        (3, {"creatinine": [1.0, "9**9**9**9"]}, "creatinine", "no unit"),
        (3, {"creatinine": [-1.0, "mg/dL"]}, "creatinine", "impossible"),
        (3, {"creatinine": [0, "mg/dL"]}, "creatinine", "impossible"),
        (3, {"creatinine": [math.nan, "mg/dL"]}, "creatinine", "impossible"),
        (3, {"creatinine": [math.inf, "mg/dL"]}, "creatinine", "impossible"),
        (3, {"creatinine": [10**400, "mg/dL"]}, "creatinine", "the number is too large"),
        (3, {"creatinine": 10**5000}, "creatinine", "the number is too large"),
        (3, {"sex": 10**5000}, "sex", "a number of thousands of digits is none of Male, Female"),
        (3, {"creatinine": ["1.0", "mg/dL"]}, "creatinine", "no number"),
        (3, {"creatinine": [True, "mg/dL"]}, "creatinine", "no number"),
        (3, {"creatinine": "high"}, "creatinine", "no number"),
        (3, {"creatinine": [[]]}, "creatinine", "no number"),
        (3, {"age": [400, "years"]}, "age", "impossible"),
        (3, {"age": [-1, "months"]}, "age", "impossible"),
        (3, {"age": [50, "mg/dL"]}, "age", "cannot be converted to years"),
        (3, {"AGE": [51, "years"]}, "age", "given twice"),
    ],
)
def test_an_unusable_entity_is_named_with_what_is_wrong(id, change, entity, words):
    result = CALCULATORS[id].published.evaluate({**CREATININE, **change})
    assert result.value is None
    assert [p.entity for p in result.problems] == [entity]
    assert words in result.problems[0].message
    assert "not computable" in result.working


def test_an_unknown_key_is_ignored_with_a_note_where_no_input_can_be_meant():
    scored = CALCULATORS[3].published.evaluate({**CREATININE, "shoe size": 43})
    assert scored.value == CALCULATORS[3].published.evaluate(CREATININE).value
    assert "shoe size: unknown, and not scored" in scored.assumptions
    assert "shoe size: unknown, and not scored" in scored.working
    not_given = CALCULATORS[9].published.evaluate({**CREATININE, "colour": "Black"})
    assert [str(problem) for problem in not_given.problems] == ["colour: unknown key"], "it may be the race, which lacks"


def test_asian_is_not_black_in_the_mdrd_equation():
    races = ({"Race": "Asian"}, {"Race": "White"}, {})
    asian, white, none = (CALCULATORS[9].published.evaluate(CREATININE | race).value for race in races)
    assert asian == white == none


@pytest.mark.parametrize("finding", ["maybe", 1, None.__class__, [True]])
def test_a_finding_is_present_or_absent_and_nothing_else(finding):
    result = CALCULATORS[33].published.evaluate({"Purulent tonsils": finding})
    assert result.value is None
    assert result.problems[0].entity == "Purulent tonsils"
    assert result.working


@pytest.mark.parametrize("day", ["02/30/2023", "13/01/2023", "yesterday", "", 20230101, None.__class__])
def test_a_date_that_does_not_exist_is_a_problem(day):
    result = CALCULATORS[13].published.evaluate({"cycle length": 28, "Last menstrual date": day})
    assert result.value is None
    assert "no date that exists" in result.problems[0].message


def test_a_gestation_that_has_not_begun_is_a_problem(evaluate):
    assert "before the last menstrual period" in str(evaluate(69, "lmp=02/01/2024, today=01/01/2024").problems[0])


@pytest.mark.parametrize(("last_menses", "cycle"), [("12/31/9999", 28), ("01/01/2023", 1e300)])
def test_a_date_beyond_the_calendar_is_a_problem(last_menses, cycle):
    result = CALCULATORS[13].published.evaluate({"cycle length": cycle, "Last menstrual date": last_menses})
    assert result.value is None
    assert result.problems


@pytest.mark.parametrize("id", [64, 67])
def test_a_delta_ratio_has_no_value_at_a_bicarbonate_of_24_and_no_meaning_above(evaluate, id):
    rest = "na=140, cl=100" + (", albumin=4" if id == 67 else "")
    result = evaluate(id, f"{rest}, hco3=24")
    assert result.value is None
    assert result.problems[0].message == "bicarbonate is 24, so the ratio has no value"
    assert not result.implausible
    above = evaluate(id, f"{rest}, hco3=28")
    assert above.value is not None
    assert [str(p) for p in above.implausible] == ["Bicarbonate: 28 mEq/L, no acidosis, so that the ratio has no meaning"]


@pytest.mark.parametrize(
    ("id", "entities"),
    [
        (9, "sex=Male, age=0, creatinine=1"),
        (43, "pao2=50, fio2=0, platelets=200000, bili=1, cr=1"),
        (6, "weight=1e300, height=1e-300"),
        (13, "lmp=12/31/9999, cycle=28"),
        (13, "lmp=01/01/2023, cycle=1e300"),
        (30, "na=1e308, bun=1e308, glucose=1"),
        (46, "sex=Male, age=55, tc=1e300, hdl=45, sbp=1e300"),
    ],
)
def test_a_problem_is_said_in_clinical_words_and_names_the_calculator_once(evaluate, id, entities):
    result = evaluate(id, entities)
    assert result.value is None
    message = str(result.problems[0])
    assert message.count(CALCULATORS[id].name) == 1
    assert not re.search("math|domain|range error|too large to|zero|finite|convert|Python|ordinal", message), message


@pytest.mark.parametrize("id", [2, 3, 9, 19])
def test_a_child_is_computed_by_an_equation_for_adults_but_said(evaluate, id):
    rest = "weight=40, height=150, " if id == 2 else ""
    rest += "ast=20, alt=20, platelets=200000" if id == 19 else "sex=Male, creatinine=0.5"
    child, adult = (evaluate(id, f"{rest}, age={age}") for age in (17, 18))
    assert child.value is not None
    assert [str(p) for p in child.implausible] == ["age: 17 years, but the equation is made for adults"]
    assert not adult.implausible


def test_a_patch_in_mg_is_read_as_its_strength_but_said(evaluate):
    result = evaluate(49, "fentanyl_patch=25mg, fentanyl_patch_per_day=1")
    assert result.value == number(60)
    assert [str(p) for p in result.implausible] == ["FentANYL patch Dose: 25 mg read as 25 µg/h"]


@pytest.mark.parametrize(("age", "years"), [("18 months", 1), ("23.9 months", 1), ("24 months", 2), ("700 days", 1)])
def test_an_age_counts_in_completed_years(evaluate, age, years):
    given_age = evaluate(38, f"age={age}, sex=Male, weight=10, sodium=140").reading.values["age"]
    assert given_age == years


def test_a_child_below_3_years_has_no_centor_score(evaluate):
    result = evaluate(20, "age=14 months, temp=38.4")
    assert result.value is None
    assert "cannot be scored" in str(result.problems[0])


def test_a_response_that_cannot_be_tested_leaves_the_coma_score_open(evaluate):
    result = evaluate(21, "eye=4, verbal=not testable, motor=6")
    assert result.value is None
    assert result.problems[0].entity == "Best verbal response"


def test_apache_needs_the_gradient_from_half_oxygen_on_and_the_pressure_below(evaluate):
    rest = "age=44, temp=37, sbp=120, dbp=80, hr=80, rr=16, ph=7.4, na=140, k=4, cr=1, hct=40, wbc=8000, gcs=15, fio2="
    assert evaluate(28, f"{rest}50, pao2=90").missing == ("A-a gradient",)
    assert evaluate(28, f"{rest}49, aa=300").missing == ("Partial pressure of oxygen (PaO₂) for Apache II",)


def test_sofa_needs_creatinine_or_urine_output(evaluate):
    rest = "pao2=84, fio2=21, platelets=150000, bili=1.1"
    assert evaluate(43, rest).missing == ("creatinine", "Urine Output")
    assert evaluate(43, f"{rest}, urine=1000").value == number(0)


@pytest.mark.parametrize(
    ("id", "change", "words"),
    [
        (3, {"creatinine": [80.0, "mg/dL"]}, "outside 0.1 to 30"),
        (5, {"Systolic Blood Pressure": [80, "mm Hg"], "Diastolic Blood Pressure": [90, "mm Hg"]}, "not above Diastolic"),
    ],
)
def test_what_was_never_seen_alive_is_computed_but_said(id, change, words):
    result = CALCULATORS[id].published.evaluate({**CREATININE, **change} if id == 3 else change)
    assert result.value is not None
    assert words in result.implausible[0].message


def test_what_is_taken_for_granted_is_recorded(evaluate):
    result = CALCULATORS[20].published.evaluate({"age": [20, "years"], "Temperature": [39, "degrees celsisus"]})
    assert "Temperature: 'degrees celsisus' read as 'degrees celsius'" in result.assumptions
    absent = "Exudate or swelling on tonsils, Tender/swollen anterior cervical lymph nodes, Absence of cough"
    assert f"{absent}: not given, taken as absent" in result.assumptions
    assert "Sodium: no unit given, taken as mEq/L" in evaluate(39, "na=140, cl=100 mEq/L, hco3=24 mEq/L").assumptions


@pytest.mark.parametrize(
    ("id", "entities", "words"),
    [
        (28, "chronic=yes", "Surgery Type: not given, counted as Nonoperative (+5)"),
        (15, "bili=1", "Ascites: not given, counted as absent (+1)"),
        (9, "age=50", "Race: not given, no race term"),
        (25, "age=50", "Number of Alcoholic Drinks Per Week: not given, not counted"),
        (49, "codeine=30, codeine_per_day=2", "every other opioid: not given, not counted"),
    ],
)
def test_what_an_absent_input_counts_as_is_said(evaluate, id, entities, words):
    assert words in evaluate(id, entities).assumptions


def test_an_input_that_never_counts_is_not_taken_for_granted(evaluate):
    assert not any("PECARN" in line or "hematoma" in line for line in evaluate(33, "fever=yes").assumptions)
    given = parse_inputs(CALCULATORS[28], ["age=50"])[0]
    assert not any("Chronic Renal" in line for line in CALCULATORS[28].published.evaluate(given).assumptions)
    assert any("Chronic Renal" in line for line in CALCULATORS[28].original.evaluate(given).assumptions)


ENTITY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(["kg", "mg/dL", "m^3"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_entities_whatever_raise(data):
    calculator = data.draw(st.sampled_from(list(CALCULATORS.values())))
    keys = st.sampled_from([i.key for i in calculator.inputs]) | st.text(max_size=8)
    entities = data.draw(st.dictionaries(keys, ENTITY, max_size=6))
    audit = audit_derivation(calculator, entities, data.draw(st.sampled_from([NA, number(3)])))
    assert audit.working
    assert audit.explanation
