"""One reader for every way in which people and models write a label. It evaluates nothing and guesses nothing."""

import datetime as dt
import math
import re
from collections.abc import Iterable

from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.value import NA, Label, day, number

NOT_ANSWERABLE = {"n/a", "na", "not applicable", "not computable", "unknown"}
MINUS_SIGNS = str.maketrans("−–", "--")
LONGEST = 100

NUMBER = re.compile(
    r"(?P<figure>[-+]?(?=\.?[0-9])(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,3})?)(?P<unit>.*)"
)
GESTATION = re.compile(
    r"\(?['\"]?(?P<weeks>[0-9]{1,3}) ?(?:weeks?|wks?|w)['\"]?"
    r"(?:(?:,| and)? ?['\"]?(?P<days>[0-9]{1,3}) ?(?:days?|d)['\"]?)?\)?"
)
AMERICAN_DATE = re.compile(r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})")
ISO_DATE = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
UNIT = re.compile(
    r"%|(?:(?:kg|g|mg|mcg|[µμu]g|ng|pg|l|dl|ml|[µμu]l|mol|mmol|[µμu]mol|meq|mosm|iu|[µμm]?iu|u|hrs?|h|hours?|min|minutes?"
    r"|days?|d|years?|m|cm|mm|mm ?hg|in|lbs?|ms|msec|sec|s|bpm|beats|points?|kcal|mme|1\.73|m\^?2|m²|per)"
    r"(?: ?[/·*] ?| |$))+",
    re.IGNORECASE,
)


class LabelError(ValueError):
    """A cell that is no label. The message says why, in words that follow "is '...', ..."."""


def parse_label(cell: object) -> Label:
    """The label in a cell: an original label, a model's answer or what a physician typed.

    Read are numbers (`11`, `-0.37`, `1,234`, `1e2`), with a unit after them (`78.1 ml/hr`, `12 %`: the unit is dropped,
    not converted), dates (`MM/DD/YYYY` or ISO), gestational ages (`('33 weeks', '4 days')`, as 235 days) and N/A.
    Numbers and dates of a spreadsheet come as they are, and a label is itself.

    Args:
        cell: A text, a number, a date or a label.

    Returns:
        The label, `NA` for what says that there is no answer.

    Raises:
        LabelError: The cell is empty, a truth value, a bound, more than one value or no value; its unit is unknown. A
            ValueError whose message follows "is '...', ...".

    >>> parse_label("78.1 ml/hr")
    Label(kind='number', number=78.1, date=None)
    >>> parse_label("('33 weeks', '4 days')").number
    235.0
    >>> str(parse_label("2014-09-23")), str(parse_label("not applicable"))
    ('09/23/2014', 'N/A')
    """
    match cell:
        case Label():
            return cell
        case dt.datetime():
            return day(cell.date())
        case dt.date():
            return day(cell)
        case bool():
            raise LabelError("which is a truth value, no label")
        case int() | float():
            return _number(cell)
        case str():
            return _parse_text(cell)
    raise LabelError("which is empty" if cell is None else f"which is of type {type(cell).__name__}")


def parse_labels(cells: Iterable[object], what: str) -> list[Label | None]:
    """The labels in cells, each of which is a `what`; None for None. Raises MedcalcError, which tells the position."""
    labels = []
    for position, cell in enumerate(cells):
        try:
            labels.append(None if cell is None else parse_label(cell))
        except LabelError as error:
            raise MedcalcError(f"{what} [{position}] is {cell!r:.80}, {error}. Correct it, or give None for none.") from None
    return labels


def _parse_text(cell: str) -> Label:
    text = " ".join(cell.translate(MINUS_SIGNS).split())
    if not text:
        raise LabelError("which is empty")
    if len(text) > LONGEST:
        raise LabelError(f"which has {len(text)} characters; a label is one value")
    if text.lower() in NOT_ANSWERABLE:
        return NA
    if match := AMERICAN_DATE.fullmatch(text) or ISO_DATE.fullmatch(text):
        try:
            return day(dt.date(int(match["year"]), int(match["month"]), int(match["day"])))
        except ValueError:
            raise LabelError("which is no date of the calendar; dates are MM/DD/YYYY") from None
    if match := GESTATION.fullmatch(text.lower()):
        return number(7 * int(match["weeks"]) + int(match["days"] or 0))
    if text[0] in "<>≤≥~≈=":
        raise LabelError("which is a bound or a formula, not one value")
    match = NUMBER.fullmatch(text)
    if not match:
        raise LabelError("which is no number, date or N/A")
    figure, unit = match["figure"], match["unit"].strip()
    if unit and not UNIT.fullmatch(unit):
        raise LabelError(f"which is more than one value or has a unit unknown here ('{unit}' after {figure})")
    return _number(figure.replace(",", ""))


def _number(value: float | str) -> Label:
    try:
        if math.isfinite(finite := float(value)):
            return number(finite)
    except OverflowError:  # an integer too large for a float
        pass
    raise LabelError("which is no finite number")
