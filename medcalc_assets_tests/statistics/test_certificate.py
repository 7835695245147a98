import pytest

from medcalc_assets.errors import MedcalcError
from medcalc_assets.statistics.certificate import bound, probability_of_at_most, sample_size


@pytest.mark.parametrize(
    ("labels", "of_two_percent", "of_five_percent"),
    [
        (871, [133, 206, 269], [56, 89, 117]),
        (821, [132, 204, 267], [56, 87, 115]),
        (601, [123, 189, 246], [54, 85, 113]),
        (10_053, [147, 233, 308], [59, 93, 124]),
    ],
)
def test_a_certificate_takes_as_many_answers_as_designed(labels, of_two_percent, of_five_percent):
    assert [sample_size(labels, 0.02, found) for found in (0, 1, 2)] == of_two_percent
    assert [sample_size(labels, 0.05, found) for found in (0, 1, 2)] == of_five_percent


def test_for_whatever_was_found_there_is_a_bound():
    assert bound(871, 100, 3) == 63
    assert bound(871, 200, 5) == 42
    assert bound(871, 871, 12) == 12  # all were seen
    assert bound(10, 0, 0) == 10  # none was


@pytest.mark.parametrize(("labels", "share", "found"), [(40, 0.1, 0), (40, 0.25, 2), (871, 0.05, 1), (100, 0.29, 0)])
def test_one_answer_fewer_would_not_do(labels, share, found):
    n, allowed = sample_size(labels, share, found), round(share * labels, 6) // 1
    assert probability_of_at_most(found, n, int(allowed) + 1, labels) <= 0.05
    assert probability_of_at_most(found, n - 1, int(allowed) + 1, labels) > 0.05
    assert bound(labels, n, found) <= allowed < bound(labels, n - 1, found)


def test_what_no_sample_can_show_is_said():
    with pytest.raises(MedcalcError, match="No sample with 3 wrong answers shows that at most 2 of 40 labels are wrong"):
        sample_size(40, 0.05, found=3)
    with pytest.raises(MedcalcError, match="at most 40 of 40"):
        sample_size(40, 1.0)
