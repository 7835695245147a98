"""Dates of pregnancy. Spans in days."""

from __future__ import annotations

from datetime import date, timedelta

from medcalc_assets.calculators.calculator import Convention, Defect, formula
from medcalc_assets.calculators.inputs import Day, Quantity
from medcalc_assets.calculators.rules import Undefined

LAST_MENSES = Day("Last menstrual date", aliases=("lmp",))
TODAY = Day("Current Date", aliases=("today", "date"))
CYCLE = Quantity("cycle length", "days", aliases=("cycle",), plausible=(15, 60))


def naegele_by_calendar(last_menses: date, cycle: float) -> date:
    """last menstrual period − 3 months + 7 days + 1 year, then + (cycle − 28) days; a day the month lacks is its last"""
    month_start = date(last_menses.year + (last_menses.month > 3), (last_menses.month - 4) % 12 + 1, 1)
    next_month = (month_start + timedelta(days=31)).replace(day=1)
    three_months_back = min(month_start + timedelta(days=last_menses.day - 1), next_month - timedelta(days=1))
    return three_months_back + timedelta(days=7 + cycle - 28)


def late_whatever_the_cycle(last_menses: date, cycle: float) -> date:
    """last menstrual period + 280 days + |cycle − 28| days"""
    return last_menses + timedelta(days=280 + abs(cycle - 28))


@formula(
    13,
    "Estimated Due Date",
    "ACOG Committee Opinion 700, 2017 (Naegele's rule), with the usual correction for cycle length",
    LAST_MENSES,
    CYCLE,
    output_type="date",
    alternatives=[Convention("Naegele by the calendar: 3 months back, 7 days on", {"function": naegele_by_calendar})],
    defects=[Defect("adds the days by which a cycle is shorter than 28", {"function": late_whatever_the_cycle})],
)
def estimated_due_date(last_menses: date, cycle: float) -> date:
    """last menstrual period + 280 days + (cycle − 28) days"""
    return last_menses + timedelta(days=280 + cycle - 28)


def two_weeks_on(last_menses: date, cycle: float) -> date:
    """last menstrual period + 14 days, whatever the cycle"""
    return last_menses + timedelta(days=14)


@formula(
    68,
    "Estimated of Conception",
    "convention: ovulation 14 days before the next period (luteal phase of 14 days)",
    LAST_MENSES,
    CYCLE.assuming(28),
    output_type="date",
    alternatives=[
        Convention(
            "LMP + 14 days where the question names no cycle length",
            {"function": two_weeks_on},
            guideline="American Pregnancy Association; MedCalc-Bench Verified",
            unless_given=CYCLE.key,
        )
    ],
    defects=[Defect("takes every cycle to be of 28 days", {"function": two_weeks_on})],
)
def conception_date(last_menses: date, cycle: float) -> date:
    """last menstrual period + (cycle − 14) days"""
    return last_menses + timedelta(days=cycle - 14)


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
        raise Undefined("the current date is before the last menstrual period")
    return (today - last_menses).days
