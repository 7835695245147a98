"""One answer for a person: the calculator by its name, the inputs as they are given, and what is wrong with them."""

from __future__ import annotations

from difflib import get_close_matches

from medcalc_assets.calculators import BY_SLUG, CALCULATORS
from medcalc_assets.calculators.arguments import Given, read_inputs
from medcalc_assets.calculators.calculator import Calculator, Result
from medcalc_assets.errors import MedcalcError


class InputError(MedcalcError):
    """A calculator that there is not, or an input that it cannot use. The message names it and what it may be."""


def calc(calculator: str | int, /, **inputs: object) -> Result:
    """Compute one answer by the published rule. For the upkeep of benchmarks, not for the care of patients.

    Args:
        calculator: Partition name or id, such as "ckd_epi_gfr" or 3.
        inputs: One per input of the calculator, by its key in the data, an alias, or the key in lower_snake_case: a
            number (in the calculator's unit), a text with a number and its unit, a permitted value or its points, a truth
            value, or a date. `medcalc calc ckd_epi_gfr` lists them.

    Returns:
        The result with its `value` (a `Label`), `unit` and `working`. The value is None, and `missing` and `problems` name
        why, if there is none.

    Raises:
        InputError: The calculator or an input is unknown, or a value is of the wrong dimension, impossible or not permitted.

    >>> calc("glasgow_coma_score", eye=4, verbal=5, motor=6)
    Glasgow Coma Score (GCS): 15 points
    >>> gfr = calc("ckd_epi_gfr", sex="female", age=61, creatinine="80 µmol/L")
    >>> round(gfr.value.number, 1), gfr.unit
    (72.3, 'mL/min/1.73 m²')
    >>> print(gfr.working)
    **CKD-EPI Equations for Glomerular Filtration Rate**, published
    ...
    >>> calc("ckd_epi_gfr", sex="female", age=61).missing
    ('creatinine',)
    >>> calc("ckd_epi_gfr", sex="female", age=61, creatinine="80 mmHg")
    Traceback (most recent call last):
    ...
    medcalc_assets.calculators.calc.InputError: ckd_epi_gfr: creatinine: 'mmHg' cannot be converted to mg/dL ...
    """
    found = find(calculator)
    return answer(found, read_inputs(found, inputs.items()))


def find(calculator: str | int) -> Calculator:
    """The calculator of this id or partition name. Raises InputError."""
    name = str(calculator)
    found = CALCULATORS.get(int(name)) if name.isdecimal() else BY_SLUG.get(name)
    if found is None:
        close = get_close_matches(name.casefold(), BY_SLUG, n=1)
        raise InputError(
            f"{name} is no calculator{f', did you mean {close[0]}?' if close else '.'} `medcalc calculators` lists them."
        )
    return found


def answer(calculator: Calculator, given: Given) -> Result:
    """The result by the published rule. Raises InputError for inputs that cannot be used; those may be missing."""
    entities, problems = given
    result = calculator.published.evaluate(entities)
    if wrong := (*problems, *result.reading.problems):
        raise InputError(
            f"{calculator.slug}: {'; '.join(map(str, wrong))} (`medcalc calc {calculator.slug}` lists what it takes)."
        )
    return result
