import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcalc_assets.calculators.original_units import converted, rounded
from medcalc_assets.calculators.units import WrongUnit, conversion


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
