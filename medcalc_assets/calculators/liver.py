"""Liver disease."""

from __future__ import annotations

import math

from medcalc_assets.calculators.calculator import IN_MG_PER_DL, Convention, Defect, formula, score
from medcalc_assets.calculators.inputs import Quantity, flag
from medcalc_assets.calculators.measurements import (
    ADULT_AGE,
    AGE,
    ALBUMIN,
    BILIRUBIN,
    CREATININE,
    HEMODIALYSIS,
    INR,
    PLATELETS,
    SEX,
    SODIUM,
)
from medcalc_assets.calculators.rules import Undefined, bands, derived, graded

ASCITES = {"absent": 1, "slight": 2, "moderate": 3}
MICROMOLES_OF_BILIRUBIN: dict[str, float | None] = {"<34": 1, "34-50": 2, ">50": 3}
ENCEPHALOPATHY = {"No Encephalopathy": 1, "Grade 0": 1, "Grade 1-2": 2, "Grade 3-4": 3}

child_pugh = score(
    15,
    "Child-Pugh Score for Cirrhosis Mortality",
    "Pugh RN et al. Br J Surg 1973;60:646, with the INR for the prothrombin time",
    slug="child_pugh",
    range=(5, 15),
    criteria=[
        bands(BILIRUBIN, {"<2": 1, "2-3": 2, ">3": 3}, si=MICROMOLES_OF_BILIRUBIN),
        bands(ALBUMIN, {"<2.8": 3, "2.8-3.5": 2, ">3.5": 1}),
        bands(INR, {"<1.7": 1, "1.7-2.3": 2, ">2.3": 3}),
        graded("Ascites", ASCITES, unstated=1),
        graded("Encephalopathy", ENCEPHALOPATHY, unstated=1),
    ],
    alternatives=[
        Convention(
            "bilirubin limits converted, 34.2 and 51.3 µmol/L",
            {"Bilirubin": bands(BILIRUBIN, {"<2": 1, "2-3": 2, ">3": 3})},
            guideline="MedCalc-Bench Verified",
        )
    ],
    defects=[
        Defect(
            "gives ascites no point whenever it is stated",
            {"Ascites": graded("Ascites", dict.fromkeys(ASCITES, 0), unstated=1)},
        ),
        Defect(
            "gives encephalopathy of grade 0 no point",
            {"Encephalopathy": graded("Encephalopathy", ENCEPHALOPATHY | {"Grade 0": 0}, unstated=1)},
        ),
        Defect(
            "gives a bilirubin of exactly 2 no point and one of exactly 3 too many",
            {"Bilirubin": bands(BILIRUBIN, {"<2": 1, "2": 0, ">2": 2, "≥3": 3}, si=MICROMOLES_OF_BILIRUBIN)},
        ),
        Defect(
            "puts an albumin of exactly 2.8 into the band below",
            {"Albumin": bands(ALBUMIN, {"≤2.8": 3, ">2.8": 2, ">3.5": 1})},
        ),
    ],
    conversion_defect=IN_MG_PER_DL,
)

AST = Quantity("Aspartate aminotransferase", "U/L", aliases=("ast",), plausible=(1, 50000))
ALT = Quantity("Alanine aminotransferase", "U/L", aliases=("alt",), plausible=(1, 50000))


@formula(
    19,
    "Fibrosis-4 (FIB-4) Index for Liver Fibrosis",
    "Sterling RK et al. Hepatology 2006;43:1317",
    ADULT_AGE,
    AST,
    ALT,
    PLATELETS,
)
def fib_4(age: float, ast: float, alt: float, platelets: float) -> float:
    """age · AST / (platelets in 10⁹/L · √ALT)"""
    return age * ast / (platelets / 1000 * math.sqrt(alt))


DIALYSIS = flag("Dialysis at least twice in the past week", "dialysis")


@derived("creatinine for MELD", "mg/dL", CREATININE, DIALYSIS, HEMODIALYSIS)
def MELD_CREATININE(creatinine: float, dialysis: bool, hemodialysis: bool) -> float:
    """from 1.0 to 4.0 mg/dL; 4.0 on dialysis"""
    return 4.0 if dialysis or hemodialysis else min(max(creatinine, 1.0), 4.0)


@derived("bilirubin for MELD", "mg/dL", BILIRUBIN)
def MELD_BILIRUBIN(bilirubin: float) -> float:
    """at least 1"""
    return max(bilirubin, 1.0)


@derived("INR for MELD", "", INR)
def MELD_INR(inr: float) -> float:
    """at least 1"""
    return max(inr, 1.0)


@derived("sodium for MELD", "mEq/L", SODIUM)
def MELD_SODIUM(sodium: float) -> float:
    """from 125 to 137"""
    return min(max(sodium, 125.0), 137.0)


@derived("MELD(i)", "", MELD_CREATININE, MELD_BILIRUBIN, MELD_INR)
def MELD_I(creatinine: float, bilirubin: float, inr: float, nearest: float = 0.1) -> float:
    """10 · (0.957 ln creatinine + 0.378 ln bilirubin + 1.12 ln INR + 0.643, to the nearest {nearest})"""
    log_hazard = 0.957 * math.log(creatinine) + 0.378 * math.log(bilirubin) + 1.12 * math.log(inr) + 0.643
    return round(log_hazard / nearest) * (10 * nearest)


ADULT_UNLESS_GIVEN = AGE.assuming(18)


@derived("creatinine for MELD 3.0", "mg/dL", MELD_CREATININE)
def MELD_3_CREATININE(creatinine: float) -> float:
    """from 1.0 to 3.0 mg/dL; 3.0 on dialysis"""
    return min(creatinine, 3.0)


@derived("albumin for MELD 3.0", "g/dL", ALBUMIN.optional())
def MELD_3_ALBUMIN(albumin: float) -> float:
    """from 1.5 to 3.5 g/dL"""
    return min(max(albumin, 1.5), 3.5)


@derived(
    "MELD 3.0",
    "",
    *(SEX.optional(), ADULT_UNLESS_GIVEN, MELD_3_CREATININE, MELD_BILIRUBIN, MELD_INR, MELD_SODIUM, MELD_3_ALBUMIN),
)
def MELD_3(sex: str, age: float, creatinine: float, bilirubin: float, inr: float, sodium: float, albumin: float) -> float:
    """1.33 for a woman, and from 12 to 17 years, + 4.56 ln bilirubin + 0.82 · (137 − sodium) − 0.24 · (137 − sodium) ·
    ln bilirubin + 9.09 ln INR + 11.14 ln creatinine + 1.85 · (3.5 − albumin) − 1.83 · (3.5 − albumin) · ln creatinine + 6"""
    if age < 12:
        raise Undefined("children under 12 years have a score of their own")
    low_sodium, low_albumin = 137 - sodium, 3.5 - albumin
    points = 1.33 if sex == "Female" or age < 18 else 0.0
    points += 4.56 * math.log(bilirubin) + 0.82 * low_sodium - 0.24 * low_sodium * math.log(bilirubin)
    points += 9.09 * math.log(inr) + 11.14 * math.log(creatinine)
    return points + 1.85 * low_albumin - 1.83 * low_albumin * math.log(creatinine) + 6


def meld_3(meld: float, sodium: float) -> float:
    """MELD 3.0, whole, from 6 to 40"""
    return min(max(round(meld), 6), 40)


@formula(
    23,
    "MELD Na (UNOS/OPTN)",
    "OPTN Policy 9.1.D, 2016 (replaced by MELD 3.0 in 2023), after Kim WR et al. N Engl J Med 2008;359:1018",
    MELD_I,
    MELD_SODIUM,
    range=(6, 40),
    alternatives=[Convention("MELD 3.0 (OPTN 2023)", {"MELD(i)": MELD_3, "function": meld_3}, guideline="OPTN", year=2023)],
    inputs=[ALBUMIN.optional(), SEX.optional(), ADULT_UNLESS_GIVEN],
    defects=[Defect("rounds MELD(i) / 10 to a whole number", {"nearest": 1})],
)
def meld_na(meld: float, sodium: float) -> float:
    """MELD(i), above 11 + 1.32 · (137 − sodium) − 0.033 · MELD(i) · (137 − sodium); whole, from 6 to 40"""
    low_sodium = 137 - sodium if meld > 11 else 0
    return min(max(round(meld + 1.32 * low_sodium - 0.033 * meld * low_sodium), 6), 40)
