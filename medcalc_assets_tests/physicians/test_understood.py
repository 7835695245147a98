"""What a physician types is read back, or stopped with what may be meant; it is never read into something."""

import pytest

from medcalc_assets.calculators import BY_SLUG
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.physicians.understood import understood

FLUIDS, SCORE, DUE, AGE, SODIUM = (
    BY_SLUG[slug]
    for slug in ("maintenance_fluids", "cha2ds2_vasc", "estimated_due_date", "gestational_age", "corrected_sodium")
)


@pytest.mark.parametrize(
    ("calculator", "output_type", "typed", "said"),
    [
        (FLUIDS, "decimal", "78.1", "Read as 78.1 mL/h."),
        (FLUIDS, "decimal", " 78.1  ml/hr ", "Read as 78.1 mL/h."),
        (SCORE, "integer", "1", "Read as 1 point."),
        (SCORE, "integer", "3 points", "Read as 3 points."),
        (SODIUM, "decimal", "140 mmol/L", "Read as 140 mEq/L."),
        (DUE, "date", "03/04/2024", "Read as March 4, 2024."),
        (AGE, "integer", "33 weeks 4 days", "Read as 33 weeks 4 days (235 days)."),
    ],
)
def test_a_value_is_read_back_with_its_unit(calculator, output_type, typed, said):
    found = understood(typed, calculator, output_type)
    assert (found.said, found.is_fault, found.is_unusual) == (said, False, False)


@pytest.mark.parametrize(
    ("calculator", "output_type", "typed", "said", "offers"),
    [
        (FLUIDS, "decimal", "1,200", "A comma can be read in two ways.", ("1200", "1.200")),
        (FLUIDS, "decimal", "0,78", "Write a point, not a comma.", ("0.78",)),
        (FLUIDS, "decimal", "1.200,5 mL/h", "Write a point, not a comma.", ("1200.5 mL/h",)),
        (FLUIDS, "decimal", "1.8 L/day", "The question asks for a number in mL/h. Do you mean this?", ("75",)),
        (FLUIDS, "decimal", "78 mg", "The question asks for a number in mL/h. “mg” does not fit that.", ()),
        (FLUIDS, "decimal", "n/a", "If it cannot be computed, say so below and leave the value empty.", ()),
        (FLUIDS, "decimal", "03/04/2024", "The question asks for a number in mL/h.", ()),
        (DUE, "date", "0,78", None, ()),
        (DUE, "date", "7", "The question asks for a date, as MM/DD/YYYY.", ()),
    ],
)
def test_what_may_be_misread_is_no_answer(calculator, output_type, typed, said, offers):
    found = understood(typed, calculator, output_type)
    assert found.is_fault
    assert said is None or found.said == said
    assert found.offers == offers
    for offer in offers:
        assert not understood(offer, calculator, output_type).is_fault


def test_an_unusual_value_is_an_answer_with_a_warning():
    found = understood("12", SCORE, "integer")
    assert (found.said, found.is_fault, found.is_unusual) == (
        "Read as 12 points. An answer is usually 0 to 9: check it.",
        False,
        True,
    )
    assert understood("3.5", SCORE, "integer").said.endswith("The answer is usually a whole number: check it.")


@pytest.mark.parametrize("calculator", BY_SLUG.values(), ids=lambda each: each.slug)
def test_what_is_read_back_of_every_calculator_is_what_is_taken_over(calculator):
    """A value with the calculator's own unit is that value."""
    if calculator.unit == "days":
        return
    typed = f"7 {calculator.unit}".strip()
    found = understood(typed, calculator, "decimal")
    assert not found.is_fault, found.said
    assert parse_label(typed).number == 7
