import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.value import NA, day, number

SPREADSHEET_DATE = dt.datetime.fromisoformat("2014-09-03")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("11", 11),
        ("-0.37", -0.37),
        ("\u22120.37", -0.37),
        ("1,234", 1234),
        ("1,234,567.5", 1_234_567.5),
        ("1e2", 100),
        (".5", 0.5),
        ("5.", 5),
        (" 12 %", 12),
        ("78.1 ml/hr", 78.1),
        ("5 mL/min/1.73 m²", 5),
        ("80 mm Hg", 80),
        ("13 points", 13),
        (13, 13),
        (130.56, 130.56),
    ],
)
def test_numbers_are_read_with_or_without_a_unit(cell, value):
    assert parse_label(cell) == number(value)


@pytest.mark.parametrize("cell", ["09/03/2014", "9/3/2014", "2014-09-03", dt.date(2014, 9, 3), SPREADSHEET_DATE])
def test_dates_are_month_first_or_iso_or_those_of_a_spreadsheet(cell):
    assert parse_label(cell) == day(dt.date(2014, 9, 3))


@pytest.mark.parametrize(
    ("cell", "days"),
    [("('33 weeks', '4 days')", 235), ("(33 weeks, 4 days)", 235), ("33 weeks and 4 days", 235), ("33 weeks", 231)],
)
def test_a_gestational_age_is_its_days(cell, days):
    assert parse_label(cell) == number(days)


@pytest.mark.parametrize("cell", ["N/A", "n/a", "NA", "Not applicable", " unknown "])
def test_not_applicable_is_an_answer(cell):
    assert parse_label(cell) == NA


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (None, "empty"),
        ("  ", "empty"),
        ("abc", "no number, date or N/A"),
        ("nan", "no number, date or N/A"),
        ("٣", "no number, date or N/A"),
        ("1e999", "no finite number"),
        (float("inf"), "no finite number"),
        (True, "truth value"),
        ("02/30/2014", "no date of the calendar"),
        ("30-39", "more than one value"),
        ("11 or 12", "more than one value"),
        ("1,23", "more than one value"),
        ("0,123", "more than one value"),
        ("3 4", "more than one value"),
        ("<10", "a bound or a formula"),
        ("=1+1", "a bound or a formula"),
        ("__import__('os').abort()", "no number, date or N/A"),
        ("7" * 101, "101 characters"),
    ],
)
def test_what_is_no_label_is_refused_with_the_reason(cell, why):
    with pytest.raises(LabelError, match=why):
        parse_label(cell)


@given(st.text() | st.floats() | st.integers(-(10**400), 10**400))
def test_any_cell_is_a_label_or_is_refused(cell):
    try:
        label = parse_label(cell)
    except LabelError:
        return
    assert label.kind in ("number", "date", "na")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_printed_number_is_read_as_itself(value):
    assert parse_label(repr(value)) == number(value)
