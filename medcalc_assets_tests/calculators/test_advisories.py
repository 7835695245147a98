"""A copy of the calculators can check itself: each defect has invented inputs that show it, and what is right."""

import json

import pytest

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.calculators.advisories import AFFECTED, MAINTAINED, advisories
from medcalc_assets.calculators.calculator import ROUNDING
from medcalc_assets.calculators.cards import STANDING
from medcalc_assets.labels.cards import Card
from medcalc_assets.labels.limits import accepts, within
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets_tests.cli import document, medcalc

KNOWN = advisories()
DEFECTS = {
    Card(calculator.id, "defect", rule.name).id: (calculator, rule)
    for calculator in CALCULATORS.values()
    for rule in calculator.defects
}


def test_every_defect_has_an_example_but_rounding_where_it_changes_no_answer():
    without = DEFECTS.keys() - {each["id"] for each in KNOWN}
    assert {DEFECTS[each][1].name for each in without} == {ROUNDING}
    assert len(KNOWN) == len({each["id"] for each in KNOWN}) == 52


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known["id"])
def test_the_example_shows_the_defect_and_nothing_in_it_is_out_of_the_ordinary(known):
    calculator, rule = DEFECTS[known["id"]]
    example = known["example"]
    original, alone = parse_label(example["original"]), parse_label(example["defect_alone"])
    assert (known["calculator"], known["defect"]) == (calculator.slug, f"v1.0 {rule.name}")
    if example["fixed"] is None:
        assert example["obstacle"]
        assert example["limits"] is None
    else:
        fixed = parse_label(example["fixed"])
        assert not accepts(fixed, original, calculator.output_type)
        assert not accepts(fixed, alone, calculator.output_type)
        assert not within(example["limits"], fixed, original)
        is_weight = rule.name == "adds the verbal response twice"  # a step twice is the same step
        assert (example["steps"]["fixed"] != example["steps"]["original"]) is not is_weight
    assert calculator.reader.read(example["entities"]).implausible == ()


def test_what_upstream_still_has_is_told_and_what_it_fixed_is_not_laid_to_it():
    still = {(each["calculator_id"], DEFECTS[each["id"]][1].name) for each in KNOWN if MAINTAINED in each["versions"]}
    assert still == STANDING
    assert all(each["versions"][0] == AFFECTED for each in KNOWN)
    (due_date,) = (each for each in KNOWN if each["calculator_id"] == 13)
    assert (due_date["versions"], due_date["upstream"]["as_published"], due_date["upstream"]["of"]) == ([AFFECTED], 15, 15)


def test_a_copy_checks_itself_by_the_document_alone():
    """A copy that adds the verbal response twice gives `original`; a right one is within `limits`."""
    found = document("advisories")
    assert found == json.loads(json.dumps(KNOWN))
    (verbal,) = (each for each in found if each["defect"] == "v1.0 adds the verbal response twice")
    example = verbal["example"]
    eye, words, motor = 4, 4, 2  # of "eyes open spontaneously", "confused", "extension to pain"
    assert list(example["entities"].values()) == ["eyes open spontaneously", "confused", "extension to pain"]
    assert float(example["original"]) == eye + 2 * words + motor
    assert example["limits"] == [eye + words + motor] * 2
    said = medcalc("advisories").output
    assert "v1.0 adds the verbal response twice (MedCalc-Bench v1.0)" in said
    assert "it makes 14; by" in said
