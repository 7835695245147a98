import doctest

import pytest

from medcalc_assets.statistics import certificate, effective_votes, sampling, track_record


@pytest.mark.parametrize("module", [certificate, effective_votes, sampling, track_record])
def test_the_examples_are_true(module):
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)
