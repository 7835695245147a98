"""Salt, water and acid-base: corrections, deficits and gaps. Ions in mEq/L, which is mmol/L for all but calcium."""

from __future__ import annotations

import math
from dataclasses import replace

from medcalc_assets.calculators.calculator import Convention, formula
from medcalc_assets.calculators.inputs import Quantity
from medcalc_assets.calculators.measurements import (
    AGE,
    ALBUMIN,
    BICARBONATE,
    CHLORIDE,
    GLUCOSE,
    SEX,
    SODIUM,
    UREA_NITROGEN,
    WEIGHT,
)
from medcalc_assets.calculators.rules import Undefined, derived

ANY_NUMBER = (-math.inf, math.inf)
CALCIUM = Quantity("Calcium", "mg/dL", aliases=("ca",), substance="calcium", plausible=(3, 25))


@formula(
    7,
    "Calcium Correction for Hypoalbuminemia",
    "editorial, BMJ 1977;1:598, whose 0.8 per g/dL became the convention, after Payne RB et al. BMJ 1973;4:643 (1 per g/dL)",
    CALCIUM,
    ALBUMIN,
    unit="mg/dL",
)
def corrected_calcium(calcium: float, albumin: float) -> float:
    """calcium + 0.8 · (4 − albumin in g/dL)"""
    return calcium + 0.8 * (4 - albumin)


@formula(
    26,
    "Sodium Correction for Hyperglycemia",
    "Hillier TA et al. Am J Med 1999;106:399",
    SODIUM,
    GLUCOSE,
    unit="mEq/L",
    alternatives=[Convention("Katz MA. N Engl J Med 1973;289:843", {"factor": 0.016}, guideline="Katz MA", year=1973)],
)
def corrected_sodium(sodium: float, glucose: float, factor: float = 0.024) -> float:
    """sodium + {factor} · (glucose in mg/dL − 100)"""
    return sodium + factor * (glucose - 100)


@formula(
    30,
    "Serum Osmolality",
    "Purssell RA et al. Ann Emerg Med 2001;38:653 (after Smithline N, Gardner KD. JAMA 1976;236:1594), no ethanol",
    SODIUM,
    UREA_NITROGEN,
    GLUCOSE,
    unit="mOsm/kg",
)
def serum_osmolality(sodium: float, urea_nitrogen: float, glucose: float) -> float:
    """2 · sodium + BUN in mg/dL / 2.8 + glucose in mg/dL / 18"""
    return 2 * sodium + urea_nitrogen / 2.8 + glucose / 18


@derived("body water", "of weight", AGE, SEX)
def BODY_WATER(age: float, sex: str) -> float:
    """0.6 of a child and a man, 0.5 of a woman; from 65 years on 0.5 of a man, 0.45 of a woman"""
    if age < 18:
        return 0.6
    if age < 65:
        return 0.6 if sex == "Male" else 0.5
    return 0.5 if sex == "Male" else 0.45


@formula(
    38,
    "Free Water Deficit",
    "Adrogué HJ, Madias NE. N Engl J Med 2000;342:1493",
    BODY_WATER,
    WEIGHT,
    SODIUM,
    unit="L",
    range=ANY_NUMBER,
)
def free_water_deficit(body_water: float, weight: float, sodium: float) -> float:
    """body water · weight · (sodium / 140 − 1)"""
    return body_water * weight * (sodium / 140 - 1)


def by_the_day(weight: float) -> float:
    """(100 mL/kg for the first 10 kg, 50 for the next 10, 20 above 20) a day / 24"""
    return (100 * min(weight, 10) + 50 * min(max(weight - 10, 0), 10) + 20 * max(weight - 20, 0)) / 24


@formula(
    22,
    "Maintenance Fluids Calculations",
    "the hourly (4-2-1) form of Holliday MA, Segar WE. Pediatrics 1957;19:823",
    WEIGHT,
    unit="mL/h",
    alternatives=[
        Convention(
            "100, 50 and 20 mL/kg a day / 24",
            {"function": by_the_day},
            guideline="Holliday MA, Segar WE. Pediatrics",
            year=1957,
        )
    ],
)
def maintenance_fluids(weight: float) -> float:
    """4 mL/h per kg for the first 10 kg, 2 per kg for the next 10, 1 per kg above 20"""
    return 4 * min(weight, 10) + 2 * min(max(weight - 10, 0), 10) + max(weight - 20, 0)


@formula(
    39,
    "Anion Gap",
    "Emmett M, Narins RG. Medicine 1977;56:38",
    SODIUM,
    CHLORIDE,
    BICARBONATE,
    unit="mEq/L",
    range=ANY_NUMBER,
)
def anion_gap(sodium: float, chloride: float, bicarbonate: float) -> float:
    """sodium − chloride − bicarbonate"""
    return sodium - chloride - bicarbonate


@formula(
    65,
    "Albumin Corrected Anion Gap",
    "Figge J et al. Crit Care Med 1998;26:1807",
    anion_gap.body,
    ALBUMIN,
    unit="mEq/L",
    range=ANY_NUMBER,
)
def albumin_corrected_anion_gap(gap: float, albumin: float) -> float:
    """anion gap + 2.5 · (4 − albumin in g/dL)"""
    return gap + 2.5 * (4 - albumin)


def less_bicarbonate_deficit(gap: float, bicarbonate: float) -> float:
    """(gap − 12) − (24 − bicarbonate)"""
    return (gap - 12) - (24 - bicarbonate)


WRENN = [
    Convention(
        "Wrenn K. Ann Emerg Med 1990;19:1310, (gap − 12) − (24 − bicarbonate)",
        {"function": less_bicarbonate_deficit},
        guideline="Wrenn K",
        year=1990,
    )
]
ACIDOTIC_BICARBONATE = replace(BICARBONATE, applies=(-math.inf, 24, "no acidosis, so that the ratio has no meaning"))


@formula(
    63,
    "Delta Gap",
    "anion gap above its normal 12 mEq/L (as MDCalc has it)",
    anion_gap.body,
    BICARBONATE,
    unit="mEq/L",
    range=ANY_NUMBER,
    alternatives=WRENN,
)
def delta_gap(gap: float, bicarbonate: float) -> float:
    """anion gap − 12"""
    return gap - 12


@formula(
    66,
    "Albumin Corrected Delta Gap",
    "anion gap above its normal 12 mEq/L, corrected for albumin (Figge 1998)",
    albumin_corrected_anion_gap.body,
    BICARBONATE,
    unit="mEq/L",
    range=ANY_NUMBER,
    alternatives=WRENN,
)
def albumin_corrected_delta_gap(gap: float, bicarbonate: float) -> float:
    """albumin corrected anion gap − 12"""
    return gap - 12


def ratio(gap: float, bicarbonate: float) -> float:
    if bicarbonate == 24:
        raise Undefined("bicarbonate is 24, so the ratio has no value")
    return (gap - 12) / (24 - bicarbonate)


@formula(
    64,
    "Delta Ratio",
    "Rastegar A. J Am Soc Nephrol 2007;18:2429",
    anion_gap.body,
    BICARBONATE,
    range=ANY_NUMBER,
    inputs=[ACIDOTIC_BICARBONATE],
)
def delta_ratio(gap: float, bicarbonate: float) -> float:
    """(anion gap − 12) / (24 − bicarbonate)"""
    return ratio(gap, bicarbonate)


@formula(
    67,
    "Albumin Corrected Delta Ratio",
    "Rastegar A. J Am Soc Nephrol 2007;18:2429, on the gap corrected for albumin (Figge 1998)",
    albumin_corrected_anion_gap.body,
    BICARBONATE,
    range=ANY_NUMBER,
    inputs=[ACIDOTIC_BICARBONATE],
)
def albumin_corrected_delta_ratio(gap: float, bicarbonate: float) -> float:
    """(albumin corrected anion gap − 12) / (24 − bicarbonate)"""
    return ratio(gap, bicarbonate)
