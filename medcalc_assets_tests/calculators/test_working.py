"""The working: what it prints is what was computed."""

import inspect
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcalc_assets.calculators import CALCULATORS, parse_inputs
from medcalc_assets.calculators.rules import Formula
from medcalc_assets_tests.calculators.test_properties import instances

RULES = [(c, rule) for c in CALCULATORS.values() for rule in (c.published, *c.alternatives, *c.defects, c.original)]
OTHERS = [(c, rule) for c, rule in RULES if rule is not c.published]


def working(id, entities, rule="published"):
    """By the rule whose name begins like this."""
    calculator = CALCULATORS[id]
    given, problems = parse_inputs(calculator, entities.split(", "))
    assert not problems
    rules = (calculator.published, calculator.original, *calculator.alternatives, *calculator.defects)
    return next(r for r in rules if r.name.startswith(rule)).evaluate(given).working.replace("\\", "")


@pytest.mark.parametrize(("calculator", "rule"), OTHERS, ids=lambda x: getattr(x, "slug", None) or x.name[:40])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_working_prints_the_published_rule_where_another_was_computed(calculator, rule, data):
    entities = data.draw(instances(calculator))
    published, other = (r.evaluate(entities) for r in (calculator.published, rule))
    if None not in (published.value, other.value) and published.value != other.value:
        one, another = ([step.what for step in result.steps] for result in (published, other))
        # where units alone are converted otherwise, the same words hold, of other values
        assert one != another or published.reading.values != other.reading.values


def formulas(body):
    terms = body.terms if isinstance(body, Formula) else [t for c in body.criteria for t in c.terms]
    return ([body] if isinstance(body, Formula) else []) + [f for t in terms if isinstance(t, Formula) for f in formulas(t)]


@pytest.mark.parametrize(("calculator", "rule"), RULES, ids=lambda x: getattr(x, "slug", None) or x.name[:40])
def test_the_words_of_a_formula_hold_every_constant_that_can_be_exchanged(calculator, rule):
    for formula in formulas(rule.body):
        exchangeable = {p.name for p in inspect.signature(formula.function).parameters.values() if p.default is not p.empty}
        named = {name for _, name, _, _ in string.Formatter().parse(formula.function.__doc__) if name}
        assert named == exchangeable
        assert "{" not in formula.words


@pytest.mark.parametrize(
    ("id", "entities", "rule", "words", "answer"),
    [
        (26, "na=130, glucose=600", "published", "sodium + 0.024 ·", "142 mEq/L"),
        (26, "na=130, glucose=600", "Katz", "sodium + 0.016 ·", "138 mEq/L"),
        (63, "na=140, cl=100, hco3=14", "Wrenn", "(gap − 12) − (24 − bicarbonate)", "4 mEq/L"),
        (13, "lmp=01/31/2023, cycle=27", "Naegele", "− 3 months + 7 days", "11/06/2023"),
        (13, "lmp=01/31/2023, cycle=27", "original", "|cycle − 28|", "11/08/2023"),
        (68, "lmp=01/31/2023, cycle=27", "original", "14 days, whatever the cycle", "02/14/2023"),
        (9, "sex=m, age=50, creatinine=1, race=Black", "without", "(1 if Black)", "79.0947 mL/min/1.73 m²"),
        (3, "sex=m, age=50, creatinine=.8", "original", "men: κ 0.7", "99.9366 mL/min/1.73 m²"),
        (23, "cr=2, bili=3, inr=1.5, na=137", "original", "to the nearest 1)", "20"),
        (46, "sex=m, age=55, tc=190, hdl=45, sbp=130", "original", "4.914 mmol/L", "0"),
        (46, "sex=m, age=55, tc=190, hdl=45, sbp=130", "original", "1 − S^exp(x), to one decimal", "0"),
        (49, "fentanyl_patch=25, fentanyl_patch_per_day=3", "published", "whatever the doses per day", "60 MME/day"),
        (49, "fentanyl_patch=25, fentanyl_patch_per_day=3", "the strength", "dose · doses per day", "180 MME/day"),
    ],
)
def test_a_difference_is_printed_where_it_was_computed(id, entities, rule, words, answer):
    text = working(id, entities, rule)
    assert words in text
    assert f"**Answer: {answer}**" in text


def test_a_long_formula_is_printed_to_its_end():
    assert "146.5933061" in working(46, "sex=woman, age=55y, tc=190, hdl=45, sbp=130")


def test_meld_shows_what_it_counts_and_meld_i():
    text = working(23, "cr=2, bili=0.5, inr=1.5, na=145")
    assert "| Bilirubin: 0.5 mg/dL | 1 mg/dL |" in text
    assert "| Sodium: 145 mEq/L | 137 mEq/L |" in text
    assert re.search(r"\| MELD\(i\): 10 · .* \| 18 \|", text)


@pytest.mark.parametrize("calculator", CALCULATORS.values(), ids=lambda c: c.slug)
def test_the_working_names_its_source_and_no_key_that_misleads(calculator):
    text = calculator.published.evaluate({}).working.replace("\\", "")
    assert f"Source: {calculator.source}" in text
    assert not re.search("Apache II$|Faliure|Continous|criteria for|present present", text, re.MULTILINE)


def test_findings_points_and_signs_are_worded():
    text = working(27, "bun=10, hb=11.95, sex=f, sbp=120, hr=80, melena=no")
    assert "| Melena: +1 | Melena: absent | +0 |" in text
    assert "**Answer: 1 point**" in text
    assert "11.95 g/dL is between two bands and counts in the lower" in text
    assert "between two bands" not in working(27, "bun=10, hb=11.9, sex=f, sbp=120, hr=80")
    assert "| −4.2 L |" in working(38, "age=40, sex=Male, weight=70, sodium=126")
    assert "| −2 |" in working(16, "alternative=yes")
    assert "Liver disease: +20 | Liver disease: absent" in working(29, "age=50, sex=m")
    assert "uncontrolled, systolic > 160 mm Hg" in working(25, "age=66, hypertension=yes")


def test_heart_shows_which_risk_factors_count():
    text = working(18, "history=0, ecg=0, age=44, troponin=0, smoking=yes")
    assert "obesity: absent, smoking: present" in text


def test_a_decision_shows_the_part_that_applies():
    text = working(43, "pao2=50, fio2=50, platelets=200000, bili=1, cr=1, dopamine=3", "original")
    assert "| kidneys: creatinine stated: yes; Urine Output stated: no; creatinine in mg/dL: <1.2 +0" in text
    assert "; else " not in text


def test_opioids_that_are_not_given_take_no_line():
    text = working(49, "codeine=30, codeine_per_day=2")
    assert "oxycodone" not in text.casefold()


def test_a_gestational_age_is_shown_in_weeks_too():
    assert "**Answer: 92 days (13 weeks, 1 days)**" in working(69, "lmp=01/01/2024, today=04/02/2024")


def test_what_can_be_scored_is_shown_where_something_is_missing():
    text = working(15, "bili=1, alb=4")
    assert "| Bilirubin: 1 mg/dL | +1 |" in text
    assert text.index("| Bilirubin: 1 mg/dL | +1 |") < text.index("Missing:\n\n* international normalized ratio")
    assert "| international normalized ratio" not in text
    partly = working(2, "weight=50, height=160, age=50, sex=f")
    assert "Ideal Body Weight" in partly
    assert "* creatinine" in partly
