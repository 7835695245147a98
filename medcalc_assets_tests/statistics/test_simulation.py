import pytest

from medcalc_assets_tests.statistics.worlds import coverage, decisions_for, orders, shown_by_cards

UNSEEN = {"A": 53, "B": 90, "C": 14, "D": 45, "E": 34, "F": 601, "G": 45, "H": 115}


@pytest.mark.parametrize("answers", [100, 200, 385])
def test_the_interval_of_a_planned_sample_holds_the_truth_of_simulated_worlds(answers):
    assert coverage(UNSEEN, answers, worlds=200, seed=1) >= 0.93


@pytest.mark.real_data
def test_cards_first_finds_the_wrong_labels_of_simulated_worlds_in_the_fewest_decisions(evidence, hanging_labels):
    found, strata = orders(evidence, shown_by_cards(hanging_labels))
    needed = decisions_for(found, strata, share=0.9, worlds=100, seed=1)
    assert needed["cards first"] < 280 < 400 < needed["likely"] < 440 < 800 < needed["paper"]
    varied = decisions_for(found, strata, share=0.9, worlds=200, seed=1, varied=True)
    assert varied["cards first"] < 0.75 * varied["likely"] < 0.5 * varied["paper"]
    half = decisions_for(found, strata, share=0.5, worlds=20, seed=1)
    assert half["cards first"] < 40 < 150 < half["likely"] < half["paper"]
