"""The QT interval corrected for heart rate. QT and QTc in ms, the RR interval (60 / heart rate) in seconds."""

from __future__ import annotations

from math import cbrt, sqrt

from medcalc_assets.calculators.calculator import formula
from medcalc_assets.calculators.inputs import Quantity
from medcalc_assets.calculators.measurements import HEART_RATE
from medcalc_assets.calculators.rules import derived

QT = Quantity("QT interval", "ms", aliases=("qt",), plausible=(100, 1000))


@derived("RR interval", "s", HEART_RATE)
def RR(heart_rate: float) -> float:
    """60 / heart rate"""
    return 60 / heart_rate


@formula(11, "QTc Bazett Calculator", "Bazett HC. Heart 1920;7:353", QT, RR, unit="ms")
def qtc_bazett(qt: float, rr: float) -> float:
    """QT / √RR"""
    return qt / sqrt(rr)


@formula(56, "QTc Fridericia Calculator", "Fridericia LS. Acta Med Scand 1920;53:469", QT, RR, unit="ms")
def qtc_fridericia(qt: float, rr: float) -> float:
    """QT / ∛RR"""
    return qt / cbrt(rr)


@formula(57, "QTc Framingham Calculator", "Sagie A et al. Am J Cardiol 1992;70:797", QT, RR, unit="ms", range=(-1e6, 1e6))
def qtc_framingham(qt: float, rr: float) -> float:
    """QT + 154 · (1 − RR)"""
    return qt + 154 * (1 - rr)


@formula(58, "QTc Hodges Calculator", "Hodges M et al. J Am Coll Cardiol 1983;1:694", QT, HEART_RATE, unit="ms")
def qtc_hodges(qt: float, heart_rate: float) -> float:
    """QT + 1.75 · (heart rate − 60)"""
    return qt + 1.75 * (heart_rate - 60)


@formula(59, "QTc Rautaharju Calculator", "Rautaharju PM et al. Int J Cardiol 2014;174:535", QT, HEART_RATE, unit="ms")
def qtc_rautaharju(qt: float, heart_rate: float) -> float:
    """QT · (120 + heart rate) / 180"""
    return qt * (120 + heart_rate) / 180
