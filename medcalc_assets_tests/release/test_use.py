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
        ("physician_unexplained", False, False, "waits for a second opinion"),
        ("contested", False, False, "one source against one"),
        ("contradicted", False, False, "its own entities contradict it"),
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
    ("reason", "final", "published", "sure"),
    [
        ("physician", number(9), number(9), "physician"),
        ("physician", NA, None, "physician"),
        ("physician_confirms", number(9), number(99), "physician"),
        ("ambiguous", number(9), number(9), "none"),
        ("physician_unexplained", number(9), number(9), "none"),
        ("contradicted", number(9), number(9), "none"),
        ("contested", number(9), number(99), "one way"),
        ("unresolved", number(9), number(9), "none"),
        ("confirmed", number(9), number(9), "two ways"),
        ("relabelled", number(9), number(8.6), "two ways"),
        ("relabelled", number(9), number(9.45), "two ways"),
        ("confirmed", number(9), number(9.46), "one way"),
        ("confirmed", number(9), number(8.54), "one way"),
        ("confirmed", number(9), None, "one way"),
        ("confirmed", number(9), NA, "one way"),
        ("relabelled", NA, NA, "two ways"),
        ("relabelled", NA, None, "one way"),
        ("relabelled", NA, number(9), "one way"),
        ("confirmed", JANUARY, JANUARY, "two ways"),
        ("confirmed", JANUARY, FEBRUARY, "one way"),
        ("confirmed", JANUARY, NA, "one way"),
        ("relabelled", NA, JANUARY, "one way"),
    ],
)
def test_a_label_is_as_sure_as_the_ways_that_lead_to_it(reason, final, published, sure):
    cells = {
        "reason": [reason],
        "output_type": ["decimal"],
        **as_columns("final", [final]),
        **as_columns("published", [published]),
    }
    types = {name: {"number": pl.Float64, "date": pl.Date}.get(name.split("_")[-1], pl.String) for name in cells}
    assert pl.DataFrame(cells, schema=types).select(confidence()).item() == sure
    assert sure in CONFIDENCE
