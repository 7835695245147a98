"""Dates of pregnancy. Spans in days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from medcalc_assets.calculators.calculator import Defect, formula
from medcalc_assets.calculators.inputs import Day, Quantity

LAST_MENSES = Day("Last menstrual date", aliases=("lmp",))
TODAY = Day("Current Date", aliases=("today", "date"))
CYCLE = Quantity("cycle length", "days", aliases=("cycle",), plausible=(15, 60))


def _280_days(last_menses: date) -> date:
    return last_menses + timedelta(days=280)


def _calendar(last_menses: date) -> date:
    """Naegele's three months back, a year and seven days on; 31 May less three months is the last of February."""
    month_start = date(last_menses.year + (last_menses.month > 3), (last_menses.month - 4) % 12 + 1, 1)
    next_month = (month_start + timedelta(days=31)).replace(day=1)
    return min(month_start + timedelta(days=last_menses.day - 1), next_month - timedelta(days=1)) + timedelta(days=7)


@formula(
    13,
    "Estimated Due Date",
    "ACOG Committee Opinion 700, 2017 (Naegele's rule)",
    LAST_MENSES,
    CYCLE,
    output_type="date",
    alternatives={"Naegele by the calendar: 3 months back, 7 days on": {"term": _calendar}},
    defects=[Defect("adds the days by which a cycle is shorter than 28", {"later_by": lambda cycle: abs(cycle - 28)})],
)
def estimated_due_date(
    last_menses: date,
    cycle: float,
    term: Callable[[date], date] = _280_days,
    later_by: Callable[[float], float] = lambda cycle: cycle - 28,
) -> date:
    """last menstrual period + 280 days + (cycle − 28) days"""
    return term(last_menses) + timedelta(days=later_by(cycle))


@formula(
    68,
    "Estimated of Conception",
    "ovulation 14 days before the next period (Wilcox AJ et al. BMJ 2000;321:1259)",
    LAST_MENSES,
    CYCLE,
    output_type="date",
    defects=[Defect("takes every cycle to be of 28 days", {"any_cycle": 28})],
)
def conception_date(last_menses: date, cycle: float, any_cycle: float | None = None) -> date:
    """last menstrual period + (cycle − 14) days"""
    return last_menses + timedelta(days=(any_cycle or cycle) - 14)


@formula(
    69,
    "Estimated Gestational Age",
    "ACOG Committee Opinion 700, 2017",
    LAST_MENSES,
    TODAY,
    unit="days",
    range=(0, 315),
    output_type="integer",
)
def gestational_age(last_menses: date, today: date) -> int:
    """days from the last menstrual period to the current date"""
    if today < last_menses:
        raise ValueError("the current date is before the last menstrual period")
    return (today - last_menses).days
