import math

import polars as pl
import pytest

from medcalc_assets.statistics.error_model import CONTESTED, beta_binomial, wrong_labels
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
