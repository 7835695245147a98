"""Insulin and lipids."""

from __future__ import annotations

from math import inf

from medcalc_assets.calculators.calculator import Convention, formula
from medcalc_assets.calculators.inputs import Quantity
from medcalc_assets.calculators.measurements import GLUCOSE, HDL_CHOLESTEROL, TOTAL_CHOLESTEROL
from medcalc_assets.calculators.rules import Undefined

INSULIN = Quantity("Insulin", "µIU/mL", plausible=(0.1, 2000))
TRIGLYCERIDES = Quantity("Triglycerides", "mg/dL", aliases=("tg",), substance="triglyceride", plausible=(5, 15000))


@formula(
    31,
    "HOMA-IR (Homeostatic Model Assessment for Insulin Resistance)",
    "Matthews DR et al. Diabetologia 1985;28:412",
    INSULIN,
    GLUCOSE,
)
def homa_ir(insulin: float, glucose: float) -> float:
    """insulin in µIU/mL · glucose in mg/dL / 405"""
    return insulin * glucose / 405


def at_any_triglycerides(total: float, hdl: float, triglycerides: float) -> float:
    """total cholesterol − HDL cholesterol − triglycerides / 5"""
    return total - hdl - triglycerides / 5


@formula(
    44,
    "LDL Calculated",
    "Friedewald WT et al. Clin Chem 1972;18:499",
    TOTAL_CHOLESTEROL,
    HDL_CHOLESTEROL,
    TRIGLYCERIDES,
    unit="mg/dL",
    range=(-inf, inf),
    alternatives=[
        Convention(
            "Friedewald also above 400 mg/dL of triglycerides",
            {"function": at_any_triglycerides},
            guideline="MedCalc-Bench Verified, with a warning",
        )
    ],
)
def ldl_calculated(total: float, hdl: float, triglycerides: float) -> float:
    """total cholesterol − HDL cholesterol − triglycerides / 5, up to 400 mg/dL of triglycerides"""
    if triglycerides > 400:
        raise Undefined("the rule does not hold above 400 mg/dL of triglycerides")
    return at_any_triglycerides(total, hdl, triglycerides)
