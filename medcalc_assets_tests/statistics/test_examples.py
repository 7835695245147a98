import doctest

import pytest

from medcalc_assets.statistics import certificate, sampling, track_record


@pytest.mark.parametrize("module", [certificate, sampling, track_record])
def test_the_examples_are_true(module):
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)
