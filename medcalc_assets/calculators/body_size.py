"""Weight, height and what is made of them."""

from __future__ import annotations

import math

from medcalc_assets.calculators.calculator import formula
from medcalc_assets.calculators.measurements import BODY_MASS_INDEX, HEIGHT, SEX, WEIGHT
from medcalc_assets.calculators.rules import Undefined


@formula(6, "Body Mass Index (BMI)", "WHO Technical Report 894, 2000 (Quetelet 1832)", WEIGHT, HEIGHT, unit="kg/m²")
def body_mass_index(weight: float, height: float) -> float:
    """weight in kg / (height in m)²"""
    return weight / (height / 100) ** 2


@formula(61, "Target weight", "the definition of the body mass index", BODY_MASS_INDEX, HEIGHT, unit="kg")
def target_weight(body_mass_index: float, height: float) -> float:
    """target body mass index · (height in m)²"""
    return body_mass_index * (height / 100) ** 2


@formula(60, "Body Surface Area Calculator", "Mosteller RD. N Engl J Med 1987;317:1098", WEIGHT, HEIGHT, unit="m²")
def body_surface_area(weight: float, height: float) -> float:
    """√(height in cm · weight in kg / 3600)"""
    return math.sqrt(height * weight / 3600)


@formula(10, "Ideal Body Weight", "Devine BJ. Drug Intell Clin Pharm 1974;8:650", SEX, HEIGHT, unit="kg")
def ideal_body_weight(sex: str, height: float) -> float:
    """50 kg for a man, 45.5 kg for a woman, and 2.3 kg for every inch above 60 (less for every inch below)"""
    ideal = (50 if sex == "Male" else 45.5) + 2.3 * (height / 2.54 - 60)
    if ideal <= 0:
        raise Undefined("the height is outside those that the rule is for, from 5 feet")
    return ideal


@formula(
    62,
    "Adjusted Body Weight",
    "Bauer LA et al. Eur J Clin Pharmacol 1983;24:643, on the ideal weight of Devine 1974",
    WEIGHT,
    ideal_body_weight.body,
    unit="kg",
)
def adjusted_body_weight(weight: float, ideal: float) -> float:
    """ideal body weight + 0.4 · (weight − ideal body weight)"""
    return ideal + 0.4 * (weight - ideal)
