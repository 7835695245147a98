"""Kidney function: clearance, filtration, sodium excretion."""

from __future__ import annotations

from math import pow

from medcalc_assets.calculators.body_size import adjusted_body_weight, body_mass_index, ideal_body_weight
from medcalc_assets.calculators.calculator import Defect, formula
from medcalc_assets.calculators.inputs import Quantity, category
from medcalc_assets.calculators.measurements import ADULT_AGE, CREATININE, SEX, SODIUM, WEIGHT
from medcalc_assets.calculators.rules import derived

RACE = category("Race", "Black", "White", "Other", also={"asian": "Other"}, default="not given", absent="no race term")


@derived("weight for clearance", "kg", body_mass_index.body, WEIGHT, ideal_body_weight.body, adjusted_body_weight.body)
def CLEARANCE_WEIGHT(body_mass_index: float, actual: float, ideal: float, adjusted: float) -> float:
    """actual weight if underweight (BMI < 18.5), the lower of ideal and actual if normal, adjusted if BMI ≥ 25"""
    if body_mass_index < 18.5:
        return actual
    return min(ideal, actual) if body_mass_index < 25 else adjusted


@formula(
    2,
    "Creatinine Clearance (Cockcroft-Gault Equation)",
    "Cockcroft DW, Gault MH. Nephron 1976;16:31; weight after Winter MA et al. Pharmacotherapy 2012;32:604, where taking "
    "the lower of ideal and actual weight is the convention of the benchmark",
    SEX,
    ADULT_AGE,
    CREATININE,
    CLEARANCE_WEIGHT,
    unit="mL/min",
)
def creatinine_clearance(sex: str, age: float, creatinine: float, weight: float) -> float:
    """(140 − age) · weight · (0.85 for a woman) / (72 · creatinine)"""
    return (140 - age) * weight * (0.85 if sex == "Female" else 1) / (72 * creatinine)


@formula(
    3,
    "CKD-EPI Equations for Glomerular Filtration Rate",
    "Inker LA et al. N Engl J Med 2021;385:1737",
    SEX,
    ADULT_AGE,
    CREATININE,
    unit="mL/min/1.73 m²",
    defects=[Defect("takes κ of women, 0.7, for men with a creatinine up to 0.9 mg/dL", {"male_kappa_when_low": 0.7})],
)
def ckd_epi_gfr(sex: str, age: float, creatinine: float, male_kappa_when_low: float = 0.9) -> float:
    """142 · (creatinine/κ)^a · 0.9938^age · (1.012 for a woman); women: κ 0.7, a −0.241 up to 0.7 mg/dL, above it −1.2;
    men: κ {male_kappa_when_low}, a −0.302 up to 0.9 mg/dL, above it κ 0.9, a −1.2"""
    kappa, alpha, factor = (0.7, -0.241, 1.012) if sex == "Female" else (0.9, -0.302, 1.0)
    if creatinine > kappa:
        return 142 * pow(creatinine / kappa, -1.2) * pow(0.9938, age) * factor
    if sex == "Male":
        kappa = male_kappa_when_low
    return 142 * pow(creatinine / kappa, alpha) * pow(0.9938, age) * factor


@formula(
    9,
    "MDRD GFR Equation",
    "Levey AS et al. Ann Intern Med 2006;145:247 (four variables, IDMS-traceable creatinine)",
    SEX,
    ADULT_AGE,
    CREATININE,
    RACE,
    unit="mL/min/1.73 m²",
    alternatives={"without the race coefficient": {"if_black": 1.0}},
)
def mdrd_gfr(sex: str, age: float, creatinine: float, race: str, if_black: float = 1.212) -> float:
    """175 · creatinine^−1.154 · age^−0.203 · (0.742 for a woman) · ({if_black:g} if Black)"""
    factor = (0.742 if sex == "Female" else 1) * (if_black if race == "Black" else 1)
    return 175 * pow(creatinine, -1.154) * pow(age, -0.203) * factor


URINE_SODIUM = Quantity("Urine sodium", "mEq/L", aliases=("una",), substance="sodium", plausible=(1, 500))
URINE_CREATININE = Quantity("Urine creatinine", "mg/dL", aliases=("ucr",), substance="creatinine", plausible=(1, 1000))


@formula(
    40,
    "Fractional Excretion of Sodium (FENa)",
    "Espinel CH. JAMA 1976;236:579",
    URINE_SODIUM,
    CREATININE,
    SODIUM,
    URINE_CREATININE,
    unit="%",
)
def fractional_excretion_of_sodium(urine_sodium: float, creatinine: float, sodium: float, urine_creatinine: float) -> float:
    """100 · (urine sodium · serum creatinine) / (serum sodium · urine creatinine)"""
    return 100 * urine_sodium * creatinine / (sodium * urine_creatinine)
