import datetime as dt
from itertools import product

import polars as pl
import pytest

from medcalc_assets.labels.value import NA, as_columns, day, number
from medcalc_assets.labels.voting import (
    NOT_CAST,
    RUNS,
    asked,
    audit_settled,
    audit_verdicts,
    ballot,
    consensus,
    fewest_to_settle,
    relabel_settled,
    said,
)
from medcalc_assets.storage.tables import AUDIT_VOTES, RELABEL_VOTES

FAILED = "failed"
NO_VOTE = (FAILED, NOT_CAST)


def verdict(*votes):
    frame = pl.DataFrame(
        {
            "uid": 1,
            "auditor": "a",
            "status": [vote if vote in NO_VOTE else "ok" for vote in votes],
            "verdict": [None if vote in NO_VOTE else vote for vote in votes],
        },
        schema={name: AUDIT_VOTES.polars_schema[name] for name in ("uid", "auditor", "status", "verdict")},
    )
    return audit_verdicts(frame).row(0, named=True)


def relabel_votes(*answers):
    labels = [None if answer in NO_VOTE else answer for answer in answers]
    names = ("uid", "auditor", "status", "answer_kind", "answer_number", "answer_date")
    return pl.DataFrame(
        {
            "uid": [1] * len(labels),
            "auditor": ["a"] * len(labels),
            "status": [answer if answer in NO_VOTE else "ok" for answer in answers],
            **as_columns("answer", labels),
        },
        schema={name: RELABEL_VOTES.polars_schema[name] for name in names},
    )


def relabel(*answers):
    return consensus(relabel_votes(*answers)).row(0, named=True)


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


def cast_until_settled(settled, votes):
    """The votes of `votes` that adaptive voting casts, and the rest as not cast."""
    ballots = [None if vote == FAILED else vote for vote in votes]
    cast = next(n for n in range(RUNS + 1) if n == RUNS or settled(ballots[:n]))
    return [*votes[:cast], *[NOT_CAST] * (RUNS - cast)], cast


AUDITS = list(product(("likely_error", "passed", FAILED), repeat=RUNS))
ANSWERS = [number(0.004), number(-0.001), number(1), NA, day(dt.date(2024, 1, 1)), number(2), FAILED]
RELABELS = list(product(ANSWERS, repeat=RUNS))


def test_adaptive_voting_has_the_verdict_of_all_five_audits():
    """In every sequence of votes. Only failures that would have come after the end can differ: they decide nothing."""
    calls = 0
    for votes in AUDITS:
        adaptive, cast = cast_until_settled(audit_settled, votes)
        calls += cast
        five, few = verdict(*votes)["status"], verdict(*adaptive)["status"]
        if FAILED in votes[cast:]:
            assert five in (few, "undecided"), votes
        else:
            assert five == few, votes
    assert calls < RUNS * len(AUDITS)


def test_adaptive_voting_has_the_consensus_of_all_five_answers():
    """In every sequence of votes, with answers that differ in spelling, in type, and fail."""
    frames, ballots = [], {answer: answer if answer == FAILED else ballot(answer) for answer in ANSWERS}
    for uid, answers in enumerate(RELABELS):
        adaptive, _ = cast_until_settled(relabel_settled, [ballots[answer] for answer in answers])
        for auditor, votes in (("five", answers), ("few", adaptive)):
            labels = [None if vote in NO_VOTE else vote for vote in votes]
            status = [vote if vote in NO_VOTE else "ok" for vote in votes]
            frames.append(
                {"uid": [uid] * RUNS, "auditor": [auditor] * RUNS, "status": status, **as_columns("answer", labels)}
            )
    columns = {name: [value for frame in frames for value in frame[name]] for name in frames[0]}
    schema = {name: RELABEL_VOTES.polars_schema[name] for name in columns}
    found = consensus(pl.DataFrame(columns, schema=schema)).drop("n_votes", "n_agree").sort("uid")
    five, few = (found.filter(auditor=auditor).drop("auditor") for auditor in ("five", "few"))
    assert five.height == len(RELABELS)
    assert five.equals(few)
    assert set(five["status"]) == {"high_confidence", "deferred", "not_relabelled"}


@pytest.mark.parametrize(
    ("votes", "reason"),
    [
        (["likely_error"] * 4, "4 flags"),
        (["passed", "passed"], "2 passes"),
        (["likely_error", "likely_error", "passed", "likely_error", "passed"], "2 passes"),
        ([None, None], "2 failed votes, too few are left to decide"),
        ([None, "passed"], None),
        (["likely_error"] * 3 + ["passed"], None),
    ],
)
def test_an_audit_is_settled(votes, reason):
    assert audit_settled(votes) == reason


@pytest.mark.parametrize(
    ("votes", "reason"),
    [
        ("aaaa", "4 equal answers"),
        ("abc", "no answer can reach 4"),
        ("abab", "no answer can reach 4"),
        ("ab", None),
        ("aab", None),
        ([None, None, "a"], "no answer can reach 4"),
        ([None, None, None, None], None),
    ],
)
def test_a_relabel_is_settled(votes, reason):
    assert relabel_settled(list(votes)) == reason


def test_no_vote_that_is_asked_for_is_in_vain():
    """Before the last of a wave, no sequence of outcomes is settled; and two passes, or three answers, begin it."""
    audits, answers = ("likely_error", "passed"), (*"abcde", None)
    assert fewest_to_settle(audit_settled, [], audits) == 2
    assert fewest_to_settle(relabel_settled, [], answers) == 3
    for settled, outcomes in ((audit_settled, audits), (relabel_settled, answers)):
        for cast in range(RUNS):
            for votes in product(outcomes, repeat=cast):
                if not settled(votes):
                    few = fewest_to_settle(settled, votes, outcomes)
                    assert not any(settled([*votes, *more]) for n in range(few) for more in product(outcomes, repeat=n))


def test_a_vote_that_was_not_cast_is_not_a_failed_one():
    assert verdict("passed", "passed", NOT_CAST, NOT_CAST, NOT_CAST)["status"] == "passed"
    assert verdict("passed", "passed", FAILED, FAILED, FAILED)["status"] == "undecided"


def test_votes_that_were_not_cast_are_not_told_as_failed():
    votes = relabel_votes(number(12), FAILED, number(7.5), NA, NOT_CAST)
    assert said(votes)["answers"].item() == "12, 7.5, N/A, failed"


def test_all_models_and_prompts_of_the_votes_are_told_and_none_where_no_model_was_asked():
    versions, prompts = ["m-2", None, "m-1", "m-2", None, None], ["p", "p", None, "p", None, None]
    columns = {"uid": [1, 1, 1, 1, 2, 2], "auditor": "m", "model_version": versions, "prompt_sha256": prompts}
    assert asked(pl.DataFrame(columns)).sort("uid").rows() == [(1, "m", "m-1, m-2", "p"), (2, "m", None, None)]
