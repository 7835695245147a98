import math

import polars as pl
import pytest

from medcalc_assets.benchmarks.spec import INSTANCES
from medcalc_assets.errors import MedcalcError
from medcalc_assets.statistics.error_model import probability_wrong
from medcalc_assets.statistics.sampling import (
    ANTICIPATED,
    allocate,
    answers_for,
    draw,
    estimate,
    estimate_from_plan,
    margin,
    plan,
)
from medcalc_assets.statistics.strata import right

UNSEEN = {"A": 53, "B": 90, "C": 14, "D": 45, "E": 34, "F": 601, "G": 45, "H": 115}


@pytest.mark.parametrize(
    ("answers", "sizes"), [(393, (24, 38, 10, 30, 14, 181, 18, 78)), (100, (6, 10, 3, 7, 3, 46, 5, 20))]
)
def test_answers_go_where_they_tell_most(answers, sizes):
    assert allocate(UNSEEN, answers) == dict(zip(UNSEEN, sizes, strict=True))


def test_the_allocation_is_the_best_of_all():
    unseen, rates = {"A": 9, "B": 12, "C": 5}, {"A": 0.5, "B": 0.1, "C": 0.3}
    every = [{"A": a, "B": b, "C": 12 - a - b} for a in range(2, 10) for b in range(2, 13) if 2 <= 12 - a - b <= 5]
    assert margin(unseen, allocate(unseen, 12, rates), rates) == min(margin(unseen, sizes, rates) for sizes in every)


def test_a_stratum_gives_no_more_labels_than_it_has():
    assert allocate({"A": 1, "B": 40}, 41) == {"A": 1, "B": 40}
    with pytest.raises(MedcalcError, match="give a number from 3 to 41"):
        allocate({"A": 1, "B": 40}, 42)


def test_two_points_take_as_many_answers_as_designed():
    assert answers_for(UNSEEN, INSTANCES["test"], 0.02) == 393
    assert answers_for(UNSEEN, INSTANCES["test"], 0.02, ANTICIPATED | {"F": 0.0165, "H": 0.2}) == 271
    assert answers_for(UNSEEN, INSTANCES["test"], 0.02, ANTICIPATED | {"F": 0.1, "H": 0.6}) == 482


def test_the_draw_depends_on_seed_and_uid_alone():
    labels = pl.DataFrame({"uid": range(1, 41), "stratum": ["A", "B"] * 20})
    drawn = draw(labels, {"A": 3, "B": 2}, "2026")
    assert drawn["uid"].to_list() == draw(labels.reverse(), {"A": 3, "B": 2}, "2026")["uid"].to_list()
    assert drawn["inclusion_probability"].to_list() == [0.15] * 3 + [0.1] * 2
    assert drawn["draw"].to_list() == [1, 2, 3, 1, 2]
    larger = draw(labels, {"A": 6, "B": 2}, "2026")
    assert set(drawn["uid"]) < set(larger["uid"])
    assert draw(labels, {"A": 3, "B": 2}, "2027")["uid"].to_list() != drawn["uid"].to_list()


def test_every_label_is_as_likely_to_be_drawn_as_stated():
    labels = pl.DataFrame({"uid": range(20), "stratum": ["A"] * 20})
    times = pl.concat(draw(labels, {"A": 5}, str(seed)) for seed in range(400))["uid"].value_counts()["count"]
    assert len(times) == 20
    assert 60 < times.min() <= times.max() < 140  # 100 expected, with a standard deviation of 8.7


def test_each_answer_stands_for_the_labels_it_was_drawn_from():
    found = estimate([(100, 10, 4), (50, 5, 5)], known_wrong=7, known=10)
    assert found.wrong == 7 + 40 + 50
    assert (found.n, found.answers) == (160, 15)
    # S²: 10/9 · 0.4 · 0.6, and of the unanimous stratum q(1-q) with q = 5.5/6
    variance = 100**2 * 0.9 * (10 / 9 * 0.24) / 10 + 50**2 * 0.9 * (5.5 / 6 * 0.5 / 6) / 5
    assert found.wrong - found.low == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-6)


def test_what_was_counted_whole_has_no_interval():
    assert estimate([(5, 5, 2)], known_wrong=1, known=3)[:3] == (3, 3, 3)


def test_a_stratum_without_an_answer_is_no_estimate():
    with pytest.raises(MedcalcError, match="A stratum of 45 labels has no answer"):
        estimate([(45, 0, 0)])


def labels(n):
    """Of which every other is in stratum A, every tenth is certified, and the first is the most likely wrong."""
    return pl.DataFrame(
        {
            "uid": range(n),
            "stratum": ["A", "B"] * (n // 2),
            "probability_wrong": [1 - i / n for i in range(n)],
            "certified": [i % 10 == 0 for i in range(n)],
        }
    )


def test_a_plan_mixes_purposes_and_says_how_likely_each_label_was_to_be_drawn():
    planned = plan(labels(200), "2026", find=20, measure=40, certify=5)
    of = {purpose: planned.filter(purpose=purpose) for purpose in ("find", "measure", "certify")}
    assert [part.height for part in of.values()] == [20, 40, 5]
    assert of["find"]["uid"].to_list() == list(range(20))  # the most likely wrong
    assert of["find"]["inclusion_probability"].to_list() == [1.0] * 20
    assert of["certify"]["inclusion_probability"].to_list() == [0.25] * 5
    assert all(uid % 10 == 0 for uid in of["certify"]["uid"])
    for _, stratum in of["measure"].group_by("stratum"):
        assert stratum["inclusion_probability"].to_list() == [stratum.height / 90] * stratum.height
    assert min(of["measure"]["uid"]) >= 20  # from the rest
    assert plan(labels(200).reverse(), "2026", find=20, measure=40, certify=5).equals(planned)


def test_a_plan_for_more_labels_than_there_are_is_refused():
    with pytest.raises(
        MedcalcError, match="3 for a certificate are more than there are without a physician's answer: 20, 2 of"
    ):
        plan(labels(20), "2026", certify=3)
    with pytest.raises(MedcalcError, match="10 labels to find wrong ones, 11 to measure and 0 for a certificate"):
        plan(labels(20), "2026", measure=11, find=10)


def test_answers_count_up_to_the_first_that_is_missing():
    """A physician who answers the plain cases and leaves the others out does not make the labels look better."""
    planned = plan(labels(220), "2026", find=20, measure=40).sort("stratum", "draw")
    whole = estimate_from_plan(planned.with_columns(wrong=pl.col("draw") % 2 == 0))
    assert (whole.n, whole.answers) == (220, 40)
    assert whole.wrong == pytest.approx(10 + 100 * 10 / 21 + 100 * 9 / 19)
    measured = planned.filter(purpose="measure")
    some = measured.with_columns(wrong=pl.when(pl.col("draw") != 5).then(pl.col("draw") % 2 == 0))
    assert estimate_from_plan(some) == estimate([(100, 4, 2), (100, 4, 2)])
    with pytest.raises(MedcalcError, match="A stratum of 100 labels has no answer"):
        estimate_from_plan(measured.with_columns(wrong=pl.when(pl.col("draw") > 1).then(True)))
    unanswered = (pl.col("purpose") == "find") & (pl.col("draw") == 1)
    with pytest.raises(MedcalcError, match="1 labels of the plan's part `find` have no answer"):
        estimate_from_plan(planned.with_columns(wrong=pl.when(~unanswered).then(True)))


@pytest.mark.real_data
def test_half_to_find_and_half_to_measure_do_both(evidence):
    """300 answers: 220 of 350 wrong labels found, and ±3.3 points, both as anticipated."""
    likely = evidence.with_columns(probability_wrong(evidence), certified=False).filter(pl.col("physician_kind").is_null())
    planned = plan(likely, "2026", find=150, measure=150).join(likely.select("uid", "probability_wrong"), on="uid")
    known_wrong = evidence["physician_kind"].count() - evidence.select(right("label", "paper").sum()).item()
    assert known_wrong == 40
    assert round(known_wrong + planned["probability_wrong"].sum()) in range(215, 230)
    rest = likely.join(planned.filter(purpose="find"), on="uid", how="anti")
    unseen, sizes = (dict(rows["stratum"].value_counts().iter_rows()) for rows in (rest, planned.filter(purpose="measure")))
    assert round(100 * margin(unseen, sizes) / evidence.height, 1) == 3.3
