import polars as pl
import pytest

from medcalc_assets.labels.value import NA, as_frame, number
from medcalc_assets.statistics.strata import counted, right, stratum

FIELDS = {
    "contradicted": pl.Boolean,
    "relabel_kind": pl.String,
    "likely_error": pl.Boolean,
    "comparison": pl.String,
    "attribution": pl.String,
}
NAMES = (
    "stratum",
    "n",
    "seen",
    *(f"{of}_{by}" for of in ("original", "relabel", "published") for by in ("paper", "limits")),
)


@pytest.mark.parametrize(
    ("letter", "evidence"),
    [
        ("A", (True, "na", True, "abstention", "incomputable")),
        ("B", (True, "number", True, "relative", "aggregation")),
        ("C", (False, "number", True, "relative", "convention")),
        ("D", (False, "number", True, "relative", "extraction")),
        ("E", (True, "date", True, "days", "convention")),
        ("F", (True, "number", False, "relative", None)),
        ("G", (True, None, None, None, None)),
        ("H", (False, None, None, None, None)),
    ],
)
def test_the_first_stratum_that_holds_is_taken(letter, evidence):
    frame = pl.DataFrame([evidence], schema=FIELDS, orient="row")
    assert frame.select(stratum()).item() == letter


@pytest.mark.parametrize(
    ("output_type", "original", "physician", "by_paper", "by_limits"),
    [
        ("integer", number(5), number(6), True, False),  # within a point, but graded exactly
        ("integer", number(30), number(31), True, False),  # beyond 20 it counts as a measurement
        ("decimal", number(10), number(10.4), True, True),  # 5% of the physician's 10.4
        ("decimal", number(10), number(9.5), False, False),  # 5% of the original would reach it
        ("decimal", number(5), number(6), True, False),
        ("decimal", NA, NA, True, True),
        ("decimal", number(0), NA, False, False),
    ],
)
def test_the_physicians_answer_is_the_centre(output_type, original, physician, by_paper, by_limits):
    sets = {"label": original, "relabel": None, "physician": physician}
    frame = pl.concat([as_frame(name, [label]) for name, label in sets.items()], how="horizontal")
    frame = frame.with_columns(output_type=pl.lit(output_type))
    assert frame.select(right("label", "paper")).item() is by_paper
    assert frame.select(right("label", "limits")).item() is by_limits


def test_a_label_that_no_physician_has_seen_is_neither_right_nor_wrong():
    sets = {"label": number(1), "relabel": number(1), "physician": None}
    frame = pl.concat([as_frame(name, [label]) for name, label in sets.items()], how="horizontal")
    assert frame.with_columns(output_type=pl.lit("decimal")).select(right("label", "limits")).item() is None


@pytest.mark.real_data
def test_the_strata_of_the_test_split_are_as_designed(evidence):
    assert counted(evidence).select(NAMES).rows() == [
        ("A", 66, 13, 1, 1, 12, 12, 1, 1),
        ("B", 104, 14, 1, 0, 11, 9, 11, 8),
        ("C", 18, 4, 2, 2, 2, 2, 2, 2),
        ("D", 64, 19, 6, 4, 12, 10, 6, 4),
        ("E", 34, *[0] * 7),
        ("F", 601, *[0] * 7),
        ("G", 45, *[0] * 7),
        ("H", 115, *[0] * 7),
    ]
