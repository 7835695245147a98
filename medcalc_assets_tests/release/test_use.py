import datetime as dt

import polars as pl
import pytest

from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.value import NA, as_columns, day, number
from medcalc_assets.release.use import CONFIDENCE, SIMULATED, USES, confidence, use_of, uses

JANUARY, FEBRUARY = day(dt.date(2024, 1, 31)), day(dt.date(2024, 2, 1))


@pytest.mark.parametrize(
    ("reason", "evaluation", "reward", "why"),
    [
        ("physician", True, False, "kept from training"),
        ("physician_confirms", True, False, "kept from training"),
        ("confirmed", True, True, "agree"),
        ("relabelled", True, True, "no physician has seen the case"),
        ("ambiguous", False, False, "several answers"),
        ("unresolved", False, False, "nobody has checked it"),
    ],
)
def test_the_reason_says_what_a_label_may_be_used_for_and_nothing_simulated_may_be_used(reason, evaluation, reward, why):
    use = use_of(reason, False)
    assert (use.evaluation, use.reward) == (evaluation, reward)
    assert why in use.why
    assert use_of(reason, True) == SIMULATED
    assert (SIMULATED.evaluation, SIMULATED.reward) == (False, False)
    assert "simulated evidence" in SIMULATED.why
    rows = pl.DataFrame({"reason": [reason] * 2, "simulated": [False, True]}).select(uses())
    assert rows.columns == ["evaluation", "reward", "use_because"]
    assert rows.rows() == [tuple(use), tuple(SIMULATED)]


def test_every_reason_has_a_use():
    assert USES.keys() == REASONS.keys()


@pytest.mark.parametrize(
    ("reason", "final", "published", "limits", "sure"),
    [
        ("physician", number(9), number(9), (8, 10), "physician"),
        ("physician", NA, None, None, "physician"),
        ("physician_confirms", number(9), number(99), (8, 10), "physician"),
        ("ambiguous", number(9), number(9), (8, 10), "none"),
        ("unresolved", number(9), number(9), (8, 10), "none"),
        ("confirmed", number(9), number(9), (8, 10), "two ways"),
        ("relabelled", number(9), number(8), (8, 10), "two ways"),
        ("relabelled", number(9), number(10), (8, 10), "two ways"),
        ("confirmed", number(9), number(10.1), (8, 10), "one way"),
        ("confirmed", number(9), number(7.9), (8, 10), "one way"),
        ("confirmed", number(9), None, (8, 10), "one way"),
        ("confirmed", number(9), NA, (8, 10), "one way"),
        ("relabelled", NA, NA, None, "two ways"),
        ("relabelled", NA, None, None, "one way"),
        ("relabelled", NA, number(9), None, "one way"),
        ("confirmed", JANUARY, JANUARY, None, "two ways"),
        ("confirmed", JANUARY, FEBRUARY, None, "one way"),
        ("confirmed", JANUARY, NA, None, "one way"),
        ("relabelled", NA, JANUARY, None, "one way"),
    ],
)
def test_a_label_is_as_sure_as_the_ways_that_lead_to_it(reason, final, published, limits, sure):
    lower, upper = limits or (None, None)
    cells = {
        "reason": [reason],
        **as_columns("final", [final]),
        **as_columns("published", [published]),
        "lower_number": [lower],
        "upper_number": [upper],
    }
    types = {name: {"number": pl.Float64, "date": pl.Date}.get(name.split("_")[-1], pl.String) for name in cells}
    assert pl.DataFrame(cells, schema=types).select(confidence()).item() == sure
    assert sure in CONFIDENCE
