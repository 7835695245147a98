import datetime as dt
from itertools import product

import polars as pl
import pytest

from medcalc_assets.labels.value import NA, as_columns, day, number
from medcalc_assets.labels.voting import audit_verdicts, consensus
from medcalc_assets.storage.tables import AUDIT_VOTES, RELABEL_VOTES

FAILED = "failed"


def verdict(*votes):
    frame = pl.DataFrame(
        {
            "uid": 1,
            "auditor": "a",
            "status": [FAILED if vote == FAILED else "ok" for vote in votes],
            "verdict": [None if vote == FAILED else vote for vote in votes],
        },
        schema={name: AUDIT_VOTES.polars_schema[name] for name in ("uid", "auditor", "status", "verdict")},
    )
    return audit_verdicts(frame).row(0, named=True)


def relabel(*answers):
    labels = [None if answer == FAILED else answer for answer in answers]
    names = ("uid", "auditor", "status", "answer_kind", "answer_number", "answer_date")
    frame = pl.DataFrame(
        {
            "uid": [1] * len(labels),
            "auditor": ["a"] * len(labels),
            "status": ["ok" if label else FAILED for label in labels],
            **as_columns("answer", labels),
        },
        schema={name: RELABEL_VOTES.polars_schema[name] for name in names},
    )
    return consensus(frame).row(0, named=True)


@pytest.mark.parametrize(
    ("flags", "passes", "failures", "status"),
    [
        (5, 0, 0, "likely_error"),
        (4, 1, 0, "likely_error"),
        (4, 0, 1, "likely_error"),
        (3, 2, 0, "passed"),
        (0, 5, 0, "passed"),
        (2, 2, 1, "passed"),
        (3, 1, 1, "undecided"),
        (3, 0, 2, "undecided"),
        (0, 3, 2, "undecided"),
        (0, 0, 5, "undecided"),
    ],
)
def test_a_likely_error_takes_four_of_five_flags(flags, passes, failures, status):
    row = verdict(*["likely_error"] * flags, *["passed"] * passes, *[FAILED] * failures)
    assert (row["status"], row["n_votes"], row["n_flags"]) == (status, flags + passes, flags)


def test_a_verdict_is_never_one_that_the_failed_votes_could_have_turned():
    for votes in product(("likely_error", "passed", FAILED), repeat=5):
        status = verdict(*votes)["status"]
        flags, failed = votes.count("likely_error"), votes.count(FAILED)
        could_be = {flags + more >= 4 for more in range(failed + 1)}
        if status != "undecided":
            assert could_be == {status == "likely_error"}, votes


def test_four_of_five_must_agree_in_type_before_value():
    assert relabel(*[number(0)] * 3, NA, NA)["status"] == "deferred"
    assert relabel(*[NA] * 4, number(0))["relabel_kind"] == "na"


def test_numbers_agree_at_two_decimals():
    row = relabel(number(1.004), number(1.0), number(0.996), number(1.0), number(1.005001))
    assert (row["status"], row["relabel_number"], row["n_agree"]) == ("high_confidence", 1.0, 4)


def test_a_negative_zero_is_the_same_answer_as_zero():
    assert relabel(number(-0.001), number(0), number(-0.0), number(0.004), NA)["n_agree"] == 4


def test_dates_agree_exactly():
    first, second = day(dt.date(2024, 1, 1)), day(dt.date(2024, 1, 2))
    assert relabel(first, first, first, first, second)["relabel_date"] == dt.date(2024, 1, 1)
    assert relabel(first, first, first, second, second)["status"] == "deferred"


def test_a_vote_that_failed_is_not_an_abstention():
    row = relabel(NA, NA, NA, FAILED, FAILED)
    assert (row["status"], row["relabel_kind"], row["n_votes"], row["n_agree"]) == ("deferred", None, 3, 3)
    assert relabel(NA, NA, NA, NA, FAILED)["status"] == "high_confidence"


def test_without_a_usable_answer_nothing_is_relabelled():
    row = relabel(*[FAILED] * 5)
    assert (row["status"], row["n_votes"]) == ("not_relabelled", 0)


def test_a_deferred_relabel_has_no_value():
    row = relabel(number(1), number(1), number(1), number(2), number(2))
    assert (row["relabel_kind"], row["relabel_number"], row["n_agree"]) == (None, None, 3)
