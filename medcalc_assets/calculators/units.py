"""Units as clinicians write them, made comparable. Each conversion is resolved once, by pint, to a factor and offset.

Amounts and masses convert by substance (`µmol/L` of creatinine to `mg/dL`), ions also by charge (`mEq/L`), counts per
volume are also understood where only the volume is written, as v1.0 does (`µL` for "per µL").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple


class Substance(NamedTuple):
    molar_mass: float
    """g/mol"""
    valence: int = 1


SUBSTANCES = {
    "bicarbonate": Substance(61.017),
    "bilirubin": Substance(584.66),
    "calcium": Substance(40.078, 2),
    "chloride": Substance(35.453),
    "cholesterol": Substance(386.65),
    "creatinine": Substance(113.12),
    "glucose": Substance(180.156),
    "potassium": Substance(39.098),
    "sodium": Substance(22.990),
    "triglyceride": Substance(885.4),  # as triolein, the convention behind 1 mmol/L = 88.5 mg/dL
    "urea nitrogen": Substance(28.014),  # two nitrogens a molecule of urea
}

SYNONYMS = {
    "mm Hg": "mmHg",
    "mm hg": "mmHg",
    "mmhg": "mmHg",
    "beats per minute": "1/min",
    "breaths per minute": "1/min",
    "bpm": "1/min",
    "/min": "1/min",
    "mU/L": "mIU/L",
    "µU/mL": "µIU/mL",
    "per day": "1/day",
    "/day": "1/day",
    "doses per day": "1/day",
    "drinks per week": "1/week",
    "degrees celsius": "degC",
    "degrees Celsius": "degC",
    "°C": "degC",
    "C": "degC",
    "degrees fahrenheit": "degF",
    "degrees Fahrenheit": "degF",
    "°F": "degF",
    "F": "degF",
    "msec": "ms",
    "y": "years",
    "yr": "years",
    "yrs": "years",
    "mo": "months",
    "lbs": "lb",
    "in": "inch",
    "G/L": "10^9/L",
    "K/µL": "10^3/µL",
    "K/uL": "10^3/µL",
    "x10^3/uL": "10^3/µL",
    "x10^3/µL": "10^3/µL",
    "x10^9/L": "10^9/L",
    "/µL": "1/µL",
    "/mm3": "1/mm^3",
    "/mm³": "1/mm^3",
}

MISSPELT = {
    "degrees celsisus": "degrees celsius",
    "degrees fahreinheit": "degrees fahrenheit",
    "mc/kg/min": "mcg/kg/min",
}

# What may reach pint: entities are untrusted text, and `9**9**9**9` is a unit to nobody.
WELL_FORMED = re.compile(r"(10\^\d{1,2}|1|[A-Za-zµμ%]+[\d²³]?(\^-?\d)?)([/·* ][A-Za-zµμ]+[\d²³]?(\^-?\d)?){0,4}")


class WrongUnit(ValueError):
    """The unit is unknown, or measures something else."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """`value * factor + offset` is the value in the wanted unit; `note` says what had to be read into the unit."""

    factor: float = 1.0
    offset: float = 0.0
    note: str | None = None

    def __call__(self, value: float) -> float:
        if self.factor == 1.0 and self.offset == 0.0:
            return value
        # Binary noise must not decide a threshold: 100.4 °F is 38 °C, not 38.00000000000001.
        return float(f"{value * self.factor + self.offset:.12g}")


@cache
def _registry() -> Any:
    import pint  # here, as it takes longer to import than a calculator takes that is given its own units

    registry: Any = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    for definition in ("equivalent = [ionic_charge] = Eq", "international_unit = [potency] = IU", "drink = [drink]"):
        registry.define(definition)
    return registry


@cache
def conversion(unit: str, target: str, substance: str | None = None) -> Conversion:
    """How a number in `unit` becomes one in `target`.

    Raises WrongUnit if `unit` is unknown or of another dimension than `target` (for `substance`, if one is named).
    """
    if unit == target:
        return Conversion()
    spelling = MISSPELT.get(unit)
    note = f"'{unit}' read as '{spelling}'" if spelling else None
    source, wanted = _parse(spelling or unit), _parse(target)
    if wanted.check("1/[volume]") and source.check("[volume]"):
        if source.units == _registry().Unit("m^3"):  # nobody counts cells per cubic metre
            source, note = _parse("mm^3"), f"'{unit}' read as a count per mm³"
        source = 1 / source
    for factor in _ways(substance):
        if (source * factor).is_compatible_with(wanted):
            if wanted.units == _registry().Unit("degC"):
                zero, one = (_registry().Quantity(x, source.units).m_as("degC") for x in (0.0, 1.0))
                return Conversion(one - zero, zero, note)
            return Conversion(float((source * factor / wanted).m_as("")), 0.0, note)
    raise WrongUnit(f"'{unit}' cannot be converted to {target}" + (f" of {substance}" if substance else ""))


def _parse(unit: str) -> Any:
    spelt = SYNONYMS.get(unit, unit)
    if len(spelt) > 30 or not WELL_FORMED.fullmatch(spelt):
        raise WrongUnit(f"'{unit[:30]}' is no unit")
    from pint import PintError

    try:
        return _registry().Quantity(spelt)
    except (PintError, ValueError, TypeError, AttributeError) as error:
        raise WrongUnit(f"'{unit}' is no unit that is known here") from error


def _ways(substance: str | None) -> Iterator[Any]:
    """The factors that carry between mass, amount and charge of a substance."""
    yield 1.0
    if substance:
        molar_mass, valence = SUBSTANCES[substance]
        mass, charge = _registry().Quantity(molar_mass, "g/mol"), _registry().Quantity(valence, "Eq/mol")
        yield from (mass, 1 / mass, charge, 1 / charge, mass / charge, charge / mass)
