import datetime as dt

import polars as pl
import pytest

from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.value import NA, as_columns, day, number
from medcalc_assets.release.use import BY_TRACK_RECORD, CONFIDENCE, SIMULATED, USES, confidence, use_of, with_uses

JANUARY, FEBRUARY = day(dt.date(2024, 1, 31)), day(dt.date(2024, 2, 1))


RECORD = {
    "evidence_class": "rule",
    "seen": 11,
    "limits_right": 8,
    "limits_mean": 8.5 / 12,
    "limits_bound": 0.4816,
    "may_grade": False,
    "may_train": True,
    "provisional": False,
    "confirmation": 12,
    "grades_from": 0.8,
}
UNSEEN = RECORD | {
    "evidence_class": "confirmed",
    "seen": 0,
    "limits_mean": None,
    "limits_bound": None,
    "may_grade": True,
    "provisional": True,
    "confirmation": 14,
}


@pytest.mark.parametrize(
    ("reason", "evaluation", "reward", "why"),
    [
        ("physician", True, False, "kept from training"),
        ("physician_confirms", True, False, "kept from training"),
        ("physician_unexplained", False, False, "waits for a second opinion"),
        ("contradicted", False, False, "its own entities contradict it"),
        ("ambiguous", False, False, "several answers"),
        ("unresolved", False, False, "neither a relabel nor physicians decide it"),
        ("relabelled", False, True, "physicians found 8 of 11 such labels right (mean 0.71, at least 0.48)"),
        ("contested", False, True, "physicians found 8 of 11 such labels right"),
    ],
)
def test_the_reason_says_what_a_label_may_be_used_for_and_nothing_simulated_may_be_used(reason, evaluation, reward, why):
    use = use_of(reason, False, RECORD)
    assert (use.evaluation, use.reward) == (evaluation, reward)
    assert why in use.why
    assert use_of(reason, True, RECORD) == SIMULATED
    assert (SIMULATED.evaluation, SIMULATED.reward) == (False, False)
    assert "simulated evidence" in SIMULATED.why
    labels = pl.DataFrame({"reason": [reason] * 2, "simulated": [False, True], "evidence_class": ["rule"] * 2})
    rows = with_uses(labels, pl.DataFrame([RECORD])).sort("simulated").select("evaluation", "reward", "use_because")
    assert rows.rows() == [tuple(use), tuple(SIMULATED)]


def test_what_nobody_has_seen_serves_provisionally_and_says_what_would_prove_it():
    use = use_of("confirmed", False, UNSEEN)
    assert (use.evaluation, use.reward) == (True, True)
    assert use.why == (
        "the relabel agrees, and nothing contradicts; nobody has seen such labels; provisional, until 14 of 14 drawn at "
        "random are found right, which shows 80%"
    )


def test_every_reason_has_a_use():
    assert USES.keys() | set(BY_TRACK_RECORD) == REASONS.keys()


@pytest.mark.parametrize(
    ("reason", "final", "published", "read", "sure"),
    [
        ("physician", number(9), number(9), None, "physician"),
        ("physician", NA, None, None, "physician"),
        ("physician_confirms", number(9), number(99), None, "physician"),
        ("ambiguous", number(9), number(9), None, "none"),
        ("physician_unexplained", number(9), number(9), None, "none"),
        ("contradicted", number(9), number(9), None, "none"),
        ("contested", number(9), number(99), None, "one way"),
        ("unresolved", number(9), number(9), None, "none"),
        ("confirmed", number(9), number(9), None, "two ways"),
        ("relabelled", number(9), number(8.6), None, "two ways"),
        ("relabelled", number(9), number(9.45), None, "two ways"),
        ("confirmed", number(9), number(9.46), None, "one way"),
        ("confirmed", number(9), number(8.54), None, "one way"),
        ("confirmed", number(9), None, None, "one way"),
        ("confirmed", number(9), NA, None, "one way"),
        ("relabelled", NA, NA, None, "two ways"),
        ("relabelled", NA, None, None, "one way"),
        ("relabelled", NA, number(9), None, "one way"),
        ("confirmed", JANUARY, JANUARY, None, "two ways"),
        ("confirmed", JANUARY, FEBRUARY, None, "one way"),
        ("confirmed", JANUARY, NA, None, "one way"),
        ("relabelled", NA, JANUARY, None, "one way"),
        ("relabelled", number(9), number(99), number(9), "two ways"),
        ("relabelled", number(9), number(99), number(8), "one way"),
        ("relabelled", NA, number(9), NA, "two ways"),
        ("computed", number(9), number(9), number(9), "inputs"),
    ],
)
def test_a_label_is_as_sure_as_the_ways_that_lead_to_it(reason, final, published, read, sure):
    cells = {
        "reason": [reason],
        "output_type": ["decimal"],
        "suspect": [False],
        **as_columns("final", [final]),
        **as_columns("published", [published]),
        **as_columns("computed", [read]),
    }
    types = {
        name: {"number": pl.Float64, "date": pl.Date, "suspect": pl.Boolean}.get(name.split("_")[-1], pl.String)
        for name in cells
    }
    assert pl.DataFrame(cells, schema=types).select(confidence()).item() == sure
    assert sure in CONFIDENCE
