import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcalc_assets.calculators.original_units import converted, rounded
from medcalc_assets.calculators.units import MISSPELT, SUBSTANCES, SYNONYMS, Conversion, WrongUnit, conversion


@pytest.mark.parametrize(
    ("value", "unit", "target", "substance", "expected"),
    [
        (88.4, "µmol/L", "mg/dL", "creatinine", 1.0),
        (17.1, "µmol/L", "mg/dL", "bilirubin", 1.0),
        (1, "mmol/L", "mg/dL", "glucose", 18.02),
        (1, "mmol/L", "mg/dL", "urea nitrogen", 2.80),
        (1, "mmol/L", "mg/dL", "calcium", 4.008),
        (1, "mEq/L", "mg/dL", "calcium", 2.004),
        (1, "mmol/L", "mg/dL", "cholesterol", 38.67),
        (1, "mmol/L", "mg/dL", "triglyceride", 88.5),
        (140, "mmol/L", "mEq/L", "sodium", 140),
        (7.5, "kPa", "mm Hg", None, 56.25),
        (30, "g/L", "g/dL", None, 3),
        (150, "10^9/L", "/µL", None, 150_000),
        (8, "K/µL", "/µL", None, 8000),
        (8000, "µL", "/µL", None, 8000),
        (8e9, "L", "/µL", None, 8000),
        (8000, "m^3", "/µL", None, 8000),
        (98.6, "degrees fahreinheit", "°C", None, 37),
        (37, "degrees celsisus", "°C", None, 37),
        (310.15, "K", "°C", None, 37),
        (30, "lbs", "kg", None, 13.61),
        (70, "in", "cm", None, 177.8),
        (72, "beats per minute", "/min", None, 72),
        (0.1, "mc/kg/min", "mcg/kg/min", None, 0.1),
        (10, "mU/L", "µIU/mL", None, 10),
    ],
)
def test_a_conversion_agrees_with_the_factor_of_the_textbook(value, unit, target, substance, expected):
    assert conversion(unit, target, substance)(value) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(("unit", "word"), [("degrees celsisus", "celsius"), ("m^3", "mm³")])
def test_what_is_read_into_a_unit_is_noted(unit, word):
    assert word in (conversion(unit, "°C" if "deg" in unit else "/µL").note or "")


@pytest.mark.parametrize(
    ("unit", "target", "substance"),
    [
        ("kg", "mg/dL", "creatinine"),
        ("mmol/L", "mg/dL", None),
        ("mEq/L", "years", "sodium"),
        ("%", "mm Hg", None),
        ("spoonfuls", "cm", None),
        ("", "kg", None),
        ("10^99", "/µL", None),
        ("9**9**9**9**9", "kg", None),
        ("__import__('os')", "kg", None),
    ],
)
def test_a_unit_of_another_dimension_or_of_none_is_refused(unit, target, substance):
    with pytest.raises(WrongUnit):
        conversion(unit, target, substance)


MOLAR_MASSES = {
    "bicarbonate": (61.017, 1),
    "bilirubin": (584.66, 1),
    "calcium": (40.078, 2),
    "chloride": (35.453, 1),
    "cholesterol": (386.65, 1),
    "creatinine": (113.12, 1),
    "glucose": (180.156, 1),
    "potassium": (39.098, 1),
    "sodium": (22.990, 1),
    "triglyceride": (885.4, 1),
    "urea nitrogen": (28.014, 1),
}
"""g/mol and charges, as tables of chemistry have them."""


def test_every_substance_converts_between_mass_amount_and_charge():
    assert SUBSTANCES.keys() == MOLAR_MASSES.keys()
    for substance, (mass, valence) in MOLAR_MASSES.items():
        for unit, target, factor in (
            ("mmol/L", "mg/dL", mass / 10),
            ("mg/dL", "mmol/L", 10 / mass),
            ("mmol/L", "mEq/L", valence),
            ("mEq/L", "mmol/L", 1 / valence),
            ("mg/dL", "mEq/L", 10 * valence / mass),
            ("mEq/L", "mg/dL", mass / 10 / valence),
        ):
            assert conversion(unit, target, substance)(1) == pytest.approx(factor, rel=1e-9), (substance, unit, target)


def test_every_synonym_is_the_unit_that_it_means():
    meant = {
        "mmHg": ("mm Hg", "mm hg", "mmhg"),
        "1/min": ("beats per minute", "breaths per minute", "bpm", "/min"),
        "mIU/L": ("mU/L",),
        "µIU/mL": ("µU/mL",),
        "1/day": ("per day", "/day", "doses per day"),
        "1/week": ("drinks per week",),
        "degC": ("degrees celsius", "degrees Celsius", "°C", "C"),
        "degF": ("degrees fahrenheit", "degrees Fahrenheit", "°F", "F"),
        "ms": ("msec",),
        "years": ("y", "yr", "yrs"),
        "months": ("mo",),
        "lb": ("lbs",),
        "inch": ("in",),
        "10^9/L": ("G/L", "x10^9/L"),
        "10^3/µL": ("K/µL", "K/uL", "x10^3/uL", "x10^3/µL"),
        "1/µL": ("/µL",),
        "1/mm^3": ("/mm3", "/mm³"),
    }
    assert {name: unit for unit, names in meant.items() for name in names} == SYNONYMS
    misspelt = {"celsisus": "celsius", "fahreinheit": "fahrenheit"}
    assert {f"degrees {a}": f"degrees {b}" for a, b in misspelt.items()} | {"mc/kg/min": "mcg/kg/min"} == MISSPELT


@pytest.mark.parametrize(
    ("unit", "target", "substance", "message"),
    [
        ("kg", "mg/dL", "creatinine", "'kg' cannot be converted to mg/dL of creatinine"),
        ("kg", "cm", None, r"'kg' cannot be converted to cm$"),
        ("x" * 40, "cm", None, f"'{'x' * 30}' is no unit$"),
        ("spoonfuls", "cm", None, "'spoonfuls' is no unit that is known here"),
    ],
)
def test_a_refused_unit_is_told_why(unit, target, substance, message):
    with pytest.raises(WrongUnit, match=message):
        conversion(unit, target, substance)


def test_an_exact_unit_and_a_count_per_volume_have_no_note_unless_something_is_read_into_them():
    assert conversion("kg", "kg") == Conversion(1.0, 0.0, None)
    assert conversion("K/µL", "/µL").note is None
    assert conversion("µL", "/µL").note is None
    assert conversion("m^3", "/µL").note == "'m^3' read as a count per mm³"
    assert conversion("degrees celsisus", "°C").note == "'degrees celsisus' read as 'degrees celsius'"
    assert conversion("°F", "°C")(212) == 100
    assert conversion("°F", "°C")(32) == pytest.approx(0, abs=1e-9)


def test_binary_noise_does_not_decide_a_threshold():
    assert conversion("degrees fahrenheit", "°C")(100.4) == 38
    assert conversion("months", "years")(36) == 3


@given(st.floats(0.01, 1e4))
def test_there_and_back_is_the_same_amount(value):
    there = conversion("mg/dL", "µmol/L", "creatinine")(value)
    assert conversion("µmol/L", "mg/dL", "creatinine")(there) == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.00226, 0.002), (0.000366, 0.000366), (8.841e-05, 8.84e-05), (0, 0), (-1.23456, -1.235)]
)
def test_the_release_rounds_to_3_decimals_or_3_digits(value, expected):
    assert rounded(value) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "unit", "target", "substance", "expected"),
    [
        (2.26, "mmol/L", "mg/dL", "calcium", 8.0),  # 0.00226 mol becomes 0.002, 0.080 g
        (80.4, "µmol/L", "mg/dL", "creatinine", 0.9),  # 0.00909 g becomes 0.009
        (137, "mg/dL", "mEq/L", "sodium", 60.0),
        (37.2, "degrees celsisus", "°C", None, 2.889),  # taken for Fahrenheit
        (37.2, "degrees celsius", "°C", None, 37.2),
    ],
)
def test_the_release_converts_with_rounding_at_every_step(value, unit, target, substance, expected):
    assert converted(value, unit, target, substance) == pytest.approx(expected)
