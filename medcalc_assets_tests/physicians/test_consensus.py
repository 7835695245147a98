import datetime as dt

import krippendorff
import pytest

from medcalc_assets.labels.value import NA, day, number
from medcalc_assets.physicians.consensus import agreement, cohens_kappa, consensus


@pytest.mark.parametrize(
    ("answers", "output_type", "label", "agreeing"),
    [
        ([7], "integer", 7, 1),
        ([7, 8], "integer", None, 0),
        ([7, 8, 8], "integer", 8, 2),
        ([100, 104], "decimal", 100, 2),
        ([100, 106], "decimal", None, 0),
        ([100, 104, 108], "decimal", 104, 3),
        ([7, None, None], "integer", None, 2),
    ],
)
def test_more_than_half_of_the_reviewers_must_agree(answers, output_type, label, agreeing):
    stands = consensus([NA if answer is None else number(answer) for answer in answers], output_type)
    if agreeing:
        assert stands.label == (NA if label is None else number(label))
        assert len(stands.agreeing) == agreeing
    else:
        assert stands is None


def test_a_date_agrees_with_itself_only():
    first, second = (day(dt.date(2023, 3, date)) for date in (15, 16))
    assert consensus([first, second], "date") is None
    assert consensus([first, second, second], "date").label == second


def test_kappa_is_that_of_the_textbook():
    """Two raters, 50 cases: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no; kappa 0.40 (Cohen 1960's formula)."""
    pairs = [(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15
    assert cohens_kappa(pairs) == pytest.approx(0.4)
    assert cohens_kappa([(1, 1)]) is None


def test_alpha_counts_only_cases_with_several_answers():
    same = {uid: NA if uid % 3 else number(uid) for uid in range(1, 10)}
    found = agreement({"A": same, "B": dict(same), "C": {99: NA}})
    assert found.cases == 9
    assert found.alpha_computable == pytest.approx(1)
    assert found.alpha_value == pytest.approx(1)
    assert found.kappa["A", "B"] == pytest.approx(1)
    assert found.kappa["A", "C"] is None
    assert agreement({"A": same}).alpha_computable is None


def test_alpha_of_values_is_that_of_ratios_and_of_computability_that_of_categories():
    """10 against 20 is as far apart as 1 against 2, and 10 against 11 is nearly nothing: only the ratio metric says so."""
    values = {"A": {1: 10, 2: 1, 3: 10, 4: 50}, "B": {1: 20, 2: 2, 3: 11, 4: 50}}
    found = agreement({who: {uid: number(value) for uid, value in each.items()} for who, each in values.items()})
    table = [list(each.values()) for each in values.values()]
    assert found.alpha_value == pytest.approx(krippendorff.alpha(reliability_data=table, level_of_measurement="ratio"))
    assert found.alpha_value != pytest.approx(krippendorff.alpha(reliability_data=table, level_of_measurement="nominal"))
    assert found.alpha_computable is None, "nobody said that a case has no answer"


def test_reviewers_who_disagree_on_what_can_be_computed():
    """Krippendorff's alpha, by hand: of 4 cases one disagreement, 5 and 3 of 8 answers: 1 - 2 * 7 / (5 * 3 * 2) = 0.5333."""
    one, three = number(1), number(3)
    first, second = {1: one, 2: NA, 3: three, 4: NA, 5: NA}, {1: one, 2: NA, 3: three, 4: three, 6: one}
    found = agreement({"B": second, "A": first})
    assert found.cases == 4
    assert found.alpha_computable == pytest.approx(8 / 15)
    assert found.alpha_value == pytest.approx(1), "over the two cases on which both gave a number"
    assert found.kappa == {("A", "B"): pytest.approx(0.5)}


def test_only_numbers_above_zero_have_a_ratio():
    found = agreement(
        {
            "A": {1: number(0), 2: number(2), 3: number(5), 4: number(-1)},
            "B": {1: number(4), 2: number(2), 3: number(5), 4: number(7)},
        }
    )
    assert found.alpha_value == pytest.approx(1)
