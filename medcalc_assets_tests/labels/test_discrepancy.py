import datetime as dt

import polars as pl
import pytest

from medcalc_assets.labels.discrepancy import discrepancy, score_disagreement
from medcalc_assets.labels.value import NA, as_columns, day, number

JANUARY = day(dt.date(2024, 1, 1))


def score(original, recomputed):
    labels = pl.DataFrame({"uid": [1], **as_columns("label", [original])}, schema_overrides=_types("label"))
    relabels = pl.DataFrame(
        {"uid": [1], "status": ["high_confidence"], **as_columns("relabel", [recomputed])},
        schema_overrides=_types("relabel"),
    )
    return score_disagreement(labels, relabels).row(0, named=True)


def _types(prefix):
    return {f"{prefix}_number": pl.Float64, f"{prefix}_date": pl.Date}


@pytest.mark.parametrize(
    ("a", "b", "ratio"),
    [(0, 0, 0), (0, 3, 1), (10, 8, 0.2), (-10, -8, 0.2), (2.1, -3, 1.7), (1, -1, 2), (None, 0, None), (0, None, None)],
)
def test_the_discrepancy_is_relative_to_the_larger_label(a, b, ratio):
    frame = pl.DataFrame({"a": [a], "b": [b]}, schema={"a": pl.Float64, "b": pl.Float64})
    assert frame.select(discrepancy(pl.col("a"), pl.col("b"))).item() == (ratio if ratio is None else pytest.approx(ratio))


@pytest.mark.parametrize(
    ("original", "recomputed", "comparison", "likely_error"),
    [
        (number(100), number(95), "relative", False),
        (number(100), number(94.9), "relative", True),
        (JANUARY, JANUARY, "days", False),
        (JANUARY, day(dt.date(2023, 12, 31)), "days", True),
        (number(0), NA, "abstention", True),
        (JANUARY, NA, "abstention", True),
        (NA, NA, "abstention", False),
        (JANUARY, number(3), "type", True),
    ],
)
def test_labels_are_compared_by_their_type(original, recomputed, comparison, likely_error):
    row = score(original, recomputed)
    assert (row["comparison"], row["likely_error"]) == (comparison, likely_error)


def test_days_are_never_mixed_with_ratios():
    dates, numbers = score(JANUARY, day(dt.date(2024, 1, 15))), score(number(0), number(4))
    assert (dates["days"], dates["discrepancy"]) == (14, None)
    assert (numbers["days"], numbers["discrepancy"]) == (None, 1)


def test_an_abstention_on_a_zero_has_no_discrepancy():
    assert score(number(0), NA)["discrepancy"] is None
