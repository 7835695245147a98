"""How what a physician types is understood, said while it is typed: with its unit, or why it cannot be taken."""

import math
import re
from typing import NamedTuple

from medcalc_assets.calculators import Calculator
from medcalc_assets.calculators.units import WrongUnit, conversion
from medcalc_assets.labels.parsing import GESTATION, NUMBER, LabelError, parse_label
from medcalc_assets.labels.value import NA, Label, OutputType

FIGURE = re.compile(r"(?P<figure>[-+−–]?[0-9][0-9.,]*)(?P<unit>.*)")
THOUSANDS = re.compile(r"[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
ALSO = {
    "": ("point", "points"),
    "points": ("point", "pt", "pts"),
    "mEq/L": ("mmol/l",),
    "mOsm/kg": ("mmol/kg",),
    "MME/day": ("mme", "mme/d"),
    "mm Hg": ("mmhg",),
    "days": ("day", "d"),
}
"""By unit what else is the same there: all that is asked for in mEq/L are ions of one charge."""


class Understood(NamedTuple):
    """`said` is for the physician; with `is_fault` it is no answer yet; `offers`: what may be meant, to be typed instead."""

    said: str
    is_fault: bool = False
    is_unusual: bool = False
    offers: tuple[str, ...] = ()


def understood(typed: str, calculator: Calculator, output_type: OutputType) -> Understood:
    """A value as `parse_label` reads it. A comma, or another unit, is never read into something: what it may mean is
    offered.

    >>> from medcalc_assets.calculators import CALCULATORS
    >>> understood("78.1 ml/hr", CALCULATORS[22], "decimal").said
    'Read as 78.1 mL/h.'
    >>> understood("0,78", CALCULATORS[22], "decimal").offers
    ('0.78',)
    """
    text, unit = " ".join(typed.split()), calculator.unit
    match = FIGURE.fullmatch(text)
    if match and "," in match["figure"] and output_type != "date":
        return _with_comma(match["figure"], match["unit"])
    asks = f"The question asks for {_asked(unit, output_type)}"
    other = found["unit"].strip() if (found := NUMBER.fullmatch(text)) and not GESTATION.fullmatch(text.lower()) else ""
    try:
        label = parse_label(text)
    except LabelError as error:
        if offers := _in_unit(other, unit, found["figure"] if found else ""):
            return Understood(f"{asks}. Do you mean this?", True, offers=offers)
        told = str(error).removeprefix("which is ").removeprefix("which has ")
        return Understood(f"“{text[:60]}” cannot be read: {told}. {asks}.", True)
    if label == NA:
        return Understood("If it cannot be computed, say so below and leave the value empty.", True)
    if (label.kind == "date") != (output_type == "date"):
        return Understood(f"{asks}.", True)
    if found and other and label.kind == "number" and not _is_same(other, unit):
        offers = _in_unit(other, unit, found["figure"])
        told = "Do you mean this?" if offers else f"“{other}” does not fit that."
        return Understood(f"{asks}. {told}", True, offers=offers)
    low, high = calculator.range
    read = f"Read as {shown(label, unit)}."
    if label.number is not None and not low <= label.number <= high:
        limits = f"{low:g} to {high:g}" if high < math.inf else f"{low:g} or more"
        return Understood(f"{read} An answer is usually {limits}: check it.", is_unusual=True)
    if output_type == "integer" and label.number is not None and label.number % 1:
        return Understood(f"{read} The answer is usually a whole number: check it.", is_unusual=True)
    return Understood(read)


def shown(label: Label, unit: str) -> str:
    """A label as it is read back: a date in words, as 3/4 is two dates; a gestational age in weeks, too."""
    if label.date is not None:
        return f"{label.date:%B} {label.date.day}, {label.date.year}"
    if label.number is None:
        return "cannot be computed"
    number = f"{label.number:.12g}".replace("-", "−")
    if unit == "days":
        return f"{label.number // 7:.0f} weeks {label.number % 7:g} days ({number} days)"
    unit = "point" if unit == "points" and label.number == 1 else unit
    return f"{number}{'' if unit in ('', '%') else ' '}{unit}"


def _asked(unit: str, output_type: OutputType) -> str:
    if output_type == "date":
        return "a date, as MM/DD/YYYY"
    if unit == "days":
        return "a gestational age, as 33 weeks 4 days"
    return f"a number in {unit}" if unit not in ("", "points") else "a number of points" if unit else "a number without unit"


def _with_comma(figure: str, unit: str) -> Understood:
    """What a comma may mean: a decimal point, or nothing between thousands."""
    offers = []
    if THOUSANDS.fullmatch(figure):
        offers.append(figure.replace(",", ""))
    if figure.count(",") == 1 and "." not in figure:
        offers.append(figure.replace(",", "."))
    if re.fullmatch(r"[-+]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+", figure):
        offers.append(figure.replace(".", "").replace(",", "."))
    told = "A comma can be read in two ways." if len(offers) > 1 else "Write a point, not a comma."
    return Understood(told, True, offers=tuple(f"{each}{unit}" for each in offers))


def _is_same(other: str, unit: str) -> bool:
    """Whether it is this unit, spelt otherwise."""
    spelt = _plain(other)
    if spelt in (_plain(unit), *ALSO.get(unit, ())):
        return True
    try:
        return unit not in ("", "points") and abs(conversion(other, unit)(1.0) - 1) < 1e-9
    except WrongUnit:
        return False


def _plain(unit: str) -> str:
    return unit.casefold().replace(" ", "").replace("²", "2").replace("^", "").replace("·", "*")


def _in_unit(other: str, unit: str, figure: str) -> tuple[str, ...]:
    """A number of another unit in this one, if it can be converted; the number itself, if the unit is spelt otherwise."""
    if not other or not figure:
        return ()
    if _is_same(other, unit):
        return (figure,)
    try:
        return (f"{conversion(other, unit)(float(figure.replace(',', ''))):.6g}",)
    except (WrongUnit, ValueError):
        return ()
