import json

import pytest

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets_tests.cli import document, medcalc


def test_calc_prints_the_value_with_its_working():
    shown = medcalc("calc", "21", "eye=4", "verbal=5", "motor=6")
    assert shown.exit_code == 0
    assert "Answer: 15 points" in shown.output
    assert "not for the care of patients" in shown.output
    assert medcalc("calc", "glasgow_coma_score", "eye=4", "verbal=5", "motor=6").output == shown.output


def test_calc_tells_what_another_convention_gives():
    assert "Katz" in medcalc("calc", "26", "sodium=130", "glucose=400").output


def test_calc_without_inputs_lists_them():
    shown = medcalc("calc", "21")
    assert shown.exit_code == 0
    assert "eyes open spontaneously" in shown.output


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("99",), 2, "99 is no calculator"),
        (("apgar",), 2, "apgar is no calculator"),
        (("3", "sex=female", "age=61"), 1, "creatinine"),
        (("21", "nose=4"), 1, "unknown key"),
        (("21", "Best eye respons=4"), 1, "did you mean 'Best eye response'?"),
        (("64", "na=140", "cl=100", "hco3=24"), 1, "not computable"),
        (("3", "sex=female", "age=61", "creatinine=80kg"), 1, "kg"),
    ],
)
def test_calc_says_what_is_missing_or_wrong(arguments, exit_code, message):
    shown = medcalc("calc", *arguments)
    assert shown.exit_code == exit_code
    assert message in shown.output
    assert "Traceback" not in shown.output


def test_calculators_lists_all_with_their_references():
    shown = medcalc("calculators", COLUMNS="80")
    assert shown.exit_code == 0
    assert "Teasdale" in shown.output
    assert all(f" {calculator.slug} " in shown.output for calculator in CALCULATORS.values()), "a name is cut off"


def test_json_of_calc_has_the_label_and_the_working():
    found = document("calc", "21", "eye=4", "verbal=confused", "motor=6")
    assert found["value"] == {"kind": "number", "number": 14.0, "date": None}
    assert (found["steps"][1]["found"], found["steps"][1]["gives"]) == ("Best verbal response: confused", "+4")
    assert found["entities"] == {
        "Best eye response": "eyes open spontaneously",
        "Best verbal response": "confused",
        "Best motor response": "obeys commands",
    }
    assert document("calc", "68", "last menstrual date=2024-01-01", "cycle length=28")["value"]["date"] == "2024-01-15"
    assert (
        document("calc", "26", "sodium=130", "glucose=400")["conventions"]["Katz MA. N Engl J Med 1973;289:843"]["number"]
        == 134.8
    )


def test_json_of_what_cannot_be_computed_is_null_with_why_and_exit_code_1():
    shown = medcalc("calc", "3", "sex=female", "age=61", "--json")
    assert shown.exit_code == 1
    assert json.loads(shown.stdout)["value"] is None
    assert json.loads(shown.stdout)["missing"] == ["creatinine"]


def test_json_of_calculators_says_what_each_asks_for():
    found = document("calculators")
    assert [each["id"] for each in found] == list(CALCULATORS)
    asked = {each["key"]: each for each in document("calc", "3")["inputs"]}
    assert document("calc", "3") == next(each for each in found if each["id"] == 3)
    assert asked["creatinine"]["unit"] == "mg/dL"
    assert asked["sex"]["permitted"] == ["Male", "Female"]
    assert asked["sex"]["required"]
