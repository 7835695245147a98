import datetime as dt

import polars as pl
import pytest

from medcalc_assets.labels.value import NA, Label, as_columns, as_text, columns, day, from_row, number


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (number(11), "11"),
        (number(-0.37), "-0.37"),
        (number(0), "0"),
        (day(dt.date(2014, 9, 23)), "09/23/2014"),
        (NA, "N/A"),
    ],
)
def test_a_label_is_told_and_kept_in_three_columns(label, text):
    assert str(label) == text
    types = dict(zip(columns("x"), (pl.String, pl.Float64, pl.Date), strict=True))
    frame = pl.DataFrame(as_columns("x", [label, None]), schema=types)
    assert frame.columns == ["x_kind", "x_number", "x_date"]
    assert frame.select(as_text("x")).to_series().to_list() == [text, None]
    assert [from_row(row, "x") for row in frame.iter_rows(named=True)] == [label, None]
    assert Label(*frame.row(0)) == label
