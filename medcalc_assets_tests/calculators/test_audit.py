"""The derivation audit: a label held against what its own entities give."""

from datetime import date

import pytest

from medcalc_assets.calculators import CALCULATORS, audit_derivation
from medcalc_assets.labels.value import NA, day, number

GCS = {
    "Best eye response": "eyes open spontaneously",
    "Best verbal response": "confused",
    "Best motor response": "obeys commands",
}
SODIUM = {"Sodium": [130, "mEq/L"], "Glucose": [600, "mg/dL"]}


def test_a_label_that_the_published_rule_gives_is_reproduced():
    audit = audit_derivation(CALCULATORS[21], GCS, number(14))
    assert (audit.verdict, audit.likely_error, audit.alternatives) == ("reproduced", False, ())
    assert audit.explanation == "The published rule reproduces the label 14."


def test_a_label_that_only_the_rule_of_the_release_gives_is_a_likely_error_and_says_why():
    audit = audit_derivation(CALCULATORS[21], GCS, number(18))
    assert (audit.verdict, audit.likely_error, audit.original_rule_reproduces) == ("contradicted", True, True)
    assert audit.explanation == (
        "v1.0 adds the verbal response twice; the published rule gives 14. "
        "Worth a second look: label: 18 is outside 3 to 15, the range of the answer."
    )
    assert [p.entity for p in audit.implausible] == ["label"]


def test_a_label_within_its_limits_is_reproduced():
    assert audit_derivation(CALCULATORS[26], SODIUM, number(142 / 0.951)).verdict == "reproduced"
    assert audit_derivation(CALCULATORS[26], SODIUM, number(142 / 0.949)).verdict == "contradicted"


def test_a_label_that_follows_another_convention_is_contradicted_but_no_likely_error():
    entities = {"Methadone Dose": [20, "mg"], "Methadone Dose Per Day": [3, "per day"]}
    audit = audit_derivation(CALCULATORS[49], entities, number(600))
    assert (audit.verdict, audit.likely_error) == ("contradicted", False)
    assert "another convention (CDC 2016 (superseded by CDC 2022))" in audit.explanation
    (other,) = audit.alternatives
    assert (other.name, other.value, other.reaches_label) == ("CDC 2016 (superseded by CDC 2022)", number(600), True)


def test_a_reproduced_label_on_an_implausible_input_says_so():
    entities = {"Temperature": [37, "°C"], "Heart Rate or Pulse": 80, "respiratory rate": 16}
    audit = audit_derivation(CALCULATORS[51], {**entities, "White blood cell count": [9440, "L"]}, number(1))
    assert audit.verdict == "reproduced"
    assert "White blood cell count: 0.00944 /µL is outside 10 to 1,000,000, the range seen alive" in audit.explanation


def test_the_audit_gives_every_rule_its_value():
    entities = {"Methadone Dose": [20, "mg"], "Methadone Dose Per Day": [3, "per day"]}
    audit = audit_derivation(CALCULATORS[49], entities, number(282))
    assert (audit.published.value, audit.original.value) == (number(282), number(282))
    assert [(c.value, c.reaches_label, c.differs) for c in audit.conventions] == [
        (number(600), False, True),
        (number(282), True, False),
    ]
    assert [c.name for c in audit.alternatives] == ["CDC 2016 (superseded by CDC 2022)"]


IN_MG_PER_DL = "converts amounts to mg/dL, with rounding, before it compares them with limits"


@pytest.mark.parametrize(("micromoles", "points", "decisive"), [(33.5, 5, [IN_MG_PER_DL]), (34, 6, [])])
def test_an_amount_near_an_edge_is_explained_by_its_conversion_alone(micromoles, points, decisive):
    entities = {"Bilirubin": [micromoles, "µmol/L"], "Albumin": [4, "g/dL"], "international normalized ratio": 1}
    audit = audit_derivation(CALCULATORS[15], entities, number(points))
    assert audit.verdict == "reproduced"
    assert [d.name for d in audit.decisive_defects] == decisive


def test_the_audit_gives_the_defects_that_change_the_answer_whatever_the_label():
    audit = audit_derivation(CALCULATORS[21], GCS, number(14))
    assert [(d.name, d.value, d.reaches_label) for d in audit.decisive_defects] == [
        ("adds the verbal response twice", number(18), False)
    ]
    assert audit.defects == ()


def test_a_convention_that_differs_is_reported_even_where_the_label_is_reproduced():
    audit = audit_derivation(
        CALCULATORS[63], {"Sodium": [140, "mEq/L"], "Chloride": [100, "mEq/L"], "Bicarbonate": [14, "mEq/L"]}, number(14)
    )
    assert [(a.value, a.reaches_label) for a in audit.alternatives] == [(number(4), False)]


def test_a_label_that_no_rule_gives_says_so():
    audit = audit_derivation(CALCULATORS[21], GCS, number(7))
    assert not audit.original_rule_reproduces
    assert audit.explanation == "The label 7 follows no known rule; the published rule gives 14."


def test_missing_entities_are_neither_reproduced_nor_contradicted():
    audit = audit_derivation(CALCULATORS[26], {"Sodium": [130, "mEq/L"]}, number(142))
    assert (audit.verdict, audit.likely_error, audit.missing) == ("not_computable", False, ("Glucose",))
    assert audit.explanation == "The published rule cannot be computed: Glucose is missing."


@pytest.mark.parametrize(("entities", "verdict"), [(SODIUM, "contradicted"), ({}, "reproduced")])
def test_not_computable_is_an_answer_too(entities, verdict):
    assert audit_derivation(CALCULATORS[26], entities, NA).verdict == verdict


def test_dates_are_exact():
    entities = {"cycle length": 22, "Last menstrual date": "01/01/2023"}
    audit = audit_derivation(CALCULATORS[13], entities, day(date(2023, 10, 14)))
    assert (audit.verdict, audit.original_rule_reproduces) == ("contradicted", True)
    assert audit.explanation.endswith("the published rule gives 10/02/2023.")


def test_several_defects_are_named_where_each_changes_the_answer():
    entities = {
        "Bilirubin": [1, "mg/dL"],
        "Albumin": [2.8, "g/dL"],
        "international normalized ratio": 1,
        "Ascites": "slight",
    }
    audit = audit_derivation(CALCULATORS[15], entities, number(6))
    assert audit.defects == (
        "gives ascites no point whenever it is stated",
        "puts an albumin of exactly 2.8 into the band below",
    )


def test_the_working_shows_conversion_criteria_answer_and_assumptions():
    entities = {"age": [20, "years"], "Temperature": [102.2, "degrees fahreinheit"], "Cough Absent": True}
    text = CALCULATORS[20].published.evaluate(entities).working
    assert "| Temperature | 102.2 degrees fahreinheit | 39 °C |" in text
    assert "| Temperature \\> 38 °C: +1 | Temperature: 39 °C | +1 |" in text
    assert "**Answer: 2 points**" in text
    assert "read as 'degrees fahrenheit'" in text
    assert "not given, taken as absent" in text


def test_the_working_of_a_formula_shows_what_lies_between():
    entities = {"sex": "Male", "weight": [123, "kg"], "height": [70, "in"]}
    text = CALCULATORS[62].published.evaluate(entities).working
    assert "| sex: Male, height: 177.8 cm | 73 kg |" in text
    assert "**Answer: 93 kg**" in text


def test_the_working_does_not_let_entities_act_on_the_page():
    hostile = "<script>alert(1)</script> | **bold** [x](http://evil.example) `code`\n# head"
    text = CALCULATORS[26].published.evaluate({hostile: [1, "mg/dL"], "Sodium": hostile}).working
    assert "<script" not in text.replace("\\<", "")
    assert "http://" not in text
    assert "\n# " not in text
    assert "not computable" in text
