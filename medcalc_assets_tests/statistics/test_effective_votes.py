import numpy as np
import pytest

from medcalc_assets.errors import MedcalcError
from medcalc_assets.statistics.effective_votes import (
    correlation_from_disagreement,
    effective_number,
    from_disagreement,
    from_errors,
    intraclass_correlation,
)


def test_five_families_are_worth_less_than_two_votes():
    assert effective_number(5, 0.505) == pytest.approx(1.655, abs=0.001)  # design/statistics: on a public benchmark
    assert effective_number(5, 0.0) == 5
    assert effective_number(5, 1.0) == 1
    assert effective_number(5, -0.2) == 5  # no more than there are


def test_the_correlation_is_that_of_the_analysis_of_variance():
    # three rows of two votes, of which 2, 1, 0 err: MSB = 1/2, MSW = 1/6, so that (1/2 - 1/6) / (1/2 + 1/6) = 1/2
    assert intraclass_correlation(np.array([2, 1, 0]), 2) == pytest.approx(0.5)


def test_errors_that_go_together_are_one_vote_and_independent_ones_are_all():
    dice = np.random.default_rng(5)
    together = np.repeat(dice.random((400, 1)) < 0.3, 4, axis=1)
    assert from_errors(together).value == pytest.approx(1)
    apart = from_errors(dice.random((400, 4)) < 0.3)
    assert apart.low < 4 <= apart.high + 1e-9
    assert apart.value > 3.5
    assert apart.n == 400


def test_votes_and_a_few_truths_give_the_same_correlation_as_all_truths():
    """Two auditors err together on 20% of the rows, alone on 10% each, and say the same in half of the common errors."""
    both, alone, same = 0.2, 0.1, 0.5
    rate, disagreement = both + alone, 2 * alone + both * (1 - same)
    expected = (both - rate**2) / (rate * (1 - rate))
    assert correlation_from_disagreement(disagreement, rate, same) == pytest.approx(expected)
    assert correlation_from_disagreement(disagreement, rate) < expected  # fewer common errors than there were
    errors = np.repeat([1.0, 0.5, 0.0], [200, 200, 600])
    assert from_disagreement(2, disagreement, errors, same).value == pytest.approx(effective_number(2, expected))


def test_below_a_hundred_labels_of_known_truth_nothing_is_said():
    with pytest.raises(MedcalcError, match="not known from 4 auditors and 99 labels"):
        from_errors(np.zeros((99, 4)))
    with pytest.raises(MedcalcError, match="not known from 1 auditors"):
        from_errors(np.zeros((200, 1)))
