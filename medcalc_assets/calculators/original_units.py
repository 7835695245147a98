"""How v1.0 of the benchmark converts units: rounding after every step, so that 2.26 mmol/L of calcium are 8 mg/dL."""

from __future__ import annotations

import math

from medcalc_assets.calculators.units import SUBSTANCES, conversion

_MOLAR_MASS = {name: substance.molar_mass for name, substance in SUBSTANCES.items()} | {
    "cholesterol": 386.654,
    "triglyceride": 861.338,
    "urea nitrogen": 28.02,
}
_PREFIX = {"k": 1e3, "": 1.0, "d": 1e-1, "m": 1e-3, "µ": 1e-6}


def rounded(value: float) -> float:
    """To 3 decimals above 0.001, to 3 significant digits below."""
    if abs(value) > 0.001 or value == 0:
        return round(value, 3)
    return round(value, 2 - math.floor(math.log10(abs(value))))


def converted(value: float, unit: str, target: str, substance: str | None) -> float:
    """`value` in `target` as v1.0 has it. Raises units.WrongUnit as the exact conversion does."""
    exact = conversion(unit, target, substance)(value)
    if target == "°C":  # every other spelling, the misspelt Celsius too, is taken for Fahrenheit
        return value if unit == "degrees celsius" else rounded((value - 32) * 5 / 9)
    if substance is None or unit == target or "/" not in unit:
        return exact
    (amount, volume), (wanted_amount, wanted_volume) = unit.split("/"), target.split("/")
    if {amount, wanted_amount} == {"mmol", "mEq"}:
        return rounded(value)
    if amount == "mEq":
        value, amount = rounded(value / SUBSTANCES[substance].valence), "mmol"
    result = _amount(value, amount, wanted_amount, substance)
    return rounded(result / rounded(_scale(volume, "L") / _scale(wanted_volume, "L")))


def _amount(value: float, unit: str, target: str, substance: str) -> float:
    if unit == target:
        return value
    base, wanted_base = ("g" if u.endswith("g") else "mol" for u in (unit, target.replace("mEq", "mmol")))
    result = rounded(value * _scale(unit, base))
    if base != wanted_base:
        molar_mass = _MOLAR_MASS[substance]
        result = rounded(result * molar_mass if base == "mol" else result / molar_mass)
    return rounded(result * rounded(1 / _scale(target.replace("mEq", "mmol"), wanted_base)))


def _scale(unit: str, base: str) -> float:
    return _PREFIX[unit.removesuffix(base)]
