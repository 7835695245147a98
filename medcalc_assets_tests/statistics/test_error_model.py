import math

import polars as pl
import pytest

from medcalc_assets.labels.value import as_frame, number
from medcalc_assets.statistics.error_model import CONTESTED, beta_binomial, probability_wrong, wrong_labels
from medcalc_assets.statistics.strata import counted


def of_strata(*rows):
    return pl.DataFrame(rows, schema=["stratum", "n", "seen", "original_paper"], orient="row")


def test_the_unseen_follow_a_beta_binomial():
    # Beta(1, 1): every number of wrong labels is as likely; Beta(2, 1): P(k) grows with k + 1
    assert beta_binomial(4, 1, 1) == pytest.approx([0.2] * 5, abs=1e-14)
    assert beta_binomial(2, 2, 1) == pytest.approx([1 / 6, 2 / 6, 3 / 6], abs=1e-14)
    assert math.fsum(beta_binomial(1000, 12.5, 1.5)) == pytest.approx(1, abs=1e-11)


def test_what_physicians_saw_is_known_and_has_no_interval():
    assert wrong_labels(of_strata(("A", 13, 13, 1)), "paper") == (12, 12, 12, 13, 13)


def test_strata_that_share_a_rate_are_wrong_together():
    """The interval of two that share is wider than that of two with rates of their own."""
    seen = [("A", 60, 10, 5), ("B", 60, 10, 5)]
    own = wrong_labels(of_strata(*seen), "paper")
    shared = wrong_labels(of_strata(("B", 60, 20, 10), ("E", 60, 0, 0)), "paper")
    assert own.mean == pytest.approx(60)
    assert shared.mean == pytest.approx(60)
    alone = wrong_labels(of_strata(("B", 60, 10, 5), ("E", 60, 0, 0)), "paper")
    assert alone.high - alone.low > own.high - own.low


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("strata", "terms", "mean", "low", "high"),
    [
        (CONTESTED, "paper", 236.3, 207, 257),
        (CONTESTED, "limits", 252.1, 230, 268),
        ((*CONTESTED, "G"), "paper", 276.8, 241, 301),
        ((*CONTESTED, "G"), "limits", 295.6, 269, 312),
    ],
)
def test_todays_rate_is_as_designed(evidence, strata, terms, mean, low, high):
    found = wrong_labels(counted(evidence), terms, strata)
    assert (round(found.mean, 1), found.low, found.high) == (mean, low, high)
    assert (found.n, found.seen) == (331 if "G" in strata else 286, 50)


def rows(*cells):
    """Integer labels of 1 that their entities contradict and a relabel of 3, too: stratum B. A cell is calculator, the
    physician's answer, what rulings show."""
    known = {
        "output_type": "integer",
        "contradicted": True,
        "likely_error": True,
        "comparison": "relative",
        "attribution": "",
    }
    answers = [answer and number(answer) for _, answer, _ in cells]
    labels = {"label": [number(1)] * len(cells), "relabel": [number(3)] * len(cells), "physician": answers}
    frame = pl.concat([as_frame(name, values) for name, values in labels.items()], how="horizontal")
    return frame.with_columns(
        *(pl.lit(value).alias(name) for name, value in known.items()),
        calculator=pl.Series([calculator for calculator, *_ in cells]),
        ruled=pl.Series([ruled for *_, ruled in cells], dtype=pl.String),
    )


def test_a_calculator_is_shrunk_to_its_stratum():
    # three answers, two wrong: the stratum's rate is 2.5 / 4; the calculator "b" has one answer, wrong: (1 + 2 · 0.625) / 3
    found = probability_wrong(rows(("a", 1, None), ("a", 3, None), ("b", 3, None), ("b", None, None), ("c", None, None)))
    assert found.to_list() == pytest.approx([0, 1, 1, 0.75, 0.625])


def test_a_ruling_counts_as_one_more_answer_on_the_labels_that_it_shows_wrong():
    found = probability_wrong(rows(("a", 3, None), ("a", None, "wrong"), ("a", None, None)))
    of_stratum = 1.5 / 2
    assert found.to_list() == pytest.approx([1, (1 + of_stratum) / 2, (1 + 2 * of_stratum) / 3])


def test_a_label_that_a_ruling_shows_right_leaves_the_contradicted():
    found = probability_wrong(rows(("a", 3, None), ("a", None, "right")))
    assert found.to_list() == [1, 0.5]  # alone in its stratum now


@pytest.mark.real_data
def test_most_labels_that_entities_contradict_are_likely_wrong(evidence):
    likely = evidence.with_columns(probability_wrong(evidence))
    of_stratum = dict(likely.group_by("stratum").agg(pl.col("probability_wrong").sum().round(1)).iter_rows())
    assert of_stratum == {"A": 59.1, "B": 96.1, "C": 7.8, "D": 41.5, "E": 30.6, "F": 30.0, "G": 41.6, "H": 46.0}
    assert set(likely.filter("contradicted", stratum="F")["uid"]) == {435, 891, 1016}
