import polars as pl
import pytest

from medcalc_assets.labels.value import as_frame, number
from medcalc_assets.statistics.certificate import sample_size
from medcalc_assets.statistics.track_record import CLASSES, jeffreys_bound, regularised_beta, track_record

FIELDS = ("n", "unseen", "seen", "paper_right", "limits_right")
NO_ANSWER = (None,) * 4


def confirmed(seen, right):
    """100 labels that a relabel reaches; of those that a physician has seen, so many are right."""
    answers = [number(1)] * right + [number(3)] * (seen - right) + [None] * (100 - seen)
    labels = {name: [number(1)] * 100 for name in ("label", "relabel", "published")}
    labels |= {"physician": answers, "ruled": [None] * 100, "computed": [None] * 100}
    known = {
        "output_type": "integer",
        "contradicted": False,
        "suspect": False,
        "verdict": "reproduced",
        "not_in_note": "[]",
        "likely_error": False,
        "comparison": "relative",
        "attribution": "",
    }
    frame = pl.concat([as_frame(name, values) for name, values in labels.items()], how="horizontal")
    return frame.with_columns(pl.int_range(pl.len()).alias("uid")).with_columns(
        pl.lit(value).alias(name) for name, value in known.items()
    )


@pytest.mark.parametrize(
    ("seen", "right", "provisional", "may_grade", "may_train"),
    [
        (0, 0, True, True, True),
        (11, 11, True, True, True),
        (11, 10, False, True, True),
        (1, 0, False, False, False),
        (12, 12, False, True, True),
        (12, 9, False, False, True),
        (12, 8, False, False, False),
    ],
)
def test_what_a_relabel_confirms_is_provisional_while_every_answer_agrees_and_they_are_few(
    seen, right, provisional, may_grade, may_train
):
    row = track_record(confirmed(seen, right), drawn=range(100)).row(0, named=True)
    assert (row["evidence_class"], row["confirmation"]) == ("confirmed", 12)
    assert (row["provisional"], row["may_grade"], row["may_train"]) == (provisional, may_grade, may_train)


def test_answers_to_labels_that_somebody_chose_prove_nothing_of_the_others_but_may_find_them_wrong():
    row = track_record(confirmed(50, 50), drawn=[*range(11), *range(60, 100)]).row(0, named=True)
    assert (row["seen"], row["drawn"], row["provisional"]) == (50, 11, True)
    assert not track_record(confirmed(50, 50), drawn=range(12))["provisional"].item()
    assert not track_record(confirmed(50, 49))["provisional"].item()


def test_the_thresholds_are_the_releases_own():
    row = track_record(confirmed(50, 41), grades=0.9, trains=0.85).row(0, named=True)
    assert (row["confirmation"], row["may_grade"], row["may_train"]) == (23, False, False)
    assert (row["grades_from"], row["trains_from"]) == (0.9, 0.85)
    assert track_record(confirmed(50, 41))["may_grade"].item()


@pytest.mark.parametrize(
    ("x", "a", "b", "expected"),
    [
        (0.3, 1, 1, 0.3),  # uniform
        (0.3, 2, 1, 0.09),  # the larger of two
        (0.3, 1, 3, 1 - 0.7**3),  # the smallest of three
        (0.25, 0.5, 0.5, 1 / 3),  # arcsine: 2/π asin √x
        (0.5, 5000, 5000, 0.5),
    ],
)
def test_the_beta_distribution_is_exact(x, a, b, expected):
    assert regularised_beta(x, a, b) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    ("right", "n", "bound"),
    [(12, 13, 0.736), (10, 11, 0.695), (8, 11, 0.482), (12, 19, 0.444), (10, 19, 0.344), (1, 3, 0.062)],
)
def test_the_lower_bound_of_few_answers_is_as_designed(right, n, bound):
    assert round(jeffreys_bound(right, n), 3) == bound


@pytest.mark.real_data
def test_the_classes_of_the_test_split_are_as_designed(evidence):
    found = track_record(evidence)
    nobody_asked = ("ruled", "inputs")
    assert found["evidence_class"].to_list() == [name for name in CLASSES if name not in nobody_asked]
    assert found.select(FIELDS).rows() == [
        (598, 598, 0, 0, 0),
        (66, 53, 13, 12, 12),
        (83, 72, 11, 10, 8),
        (64, 45, 19, 12, 10),
        (21, 18, 3, 1, 1),
        (32, 32, 0, 0, 0),
        (20, 16, 4, 2, 2),
        (163, 163, 0, 0, 0),
    ]
    rates = found.select(pl.col("paper_mean", "paper_bound", "limits_mean", "limits_bound").round(3)).rows()
    assert rates == [
        NO_ANSWER,
        (0.893, 0.736, 0.893, 0.736),
        (0.875, 0.695, 0.708, 0.482),
        (0.625, 0.444, 0.525, 0.344),
        (0.375, 0.062, 0.375, 0.062),
        NO_ANSWER,
        (0.5, 0.165, 0.5, 0.165),
        NO_ANSWER,
    ]


@pytest.mark.real_data
def test_the_labels_that_may_grade_and_train_are_as_many_as_designed(evidence):
    found = track_record(evidence)
    physicians = found["seen"].sum()
    assert physicians + found.filter("may_grade")["unseen"].sum() == 701
    assert found.filter("may_train")["unseen"].sum() == 723
    assert found.filter("provisional")["evidence_class"].to_list() == ["confirmed"]
    assert [sample_size(598, 1 - rate) for rate in (0.8, 0.9, 0.95)] == [14, 28, 56]
