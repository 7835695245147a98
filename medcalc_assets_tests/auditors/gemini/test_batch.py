from collections import Counter
from dataclasses import replace

import pytest

from medcalc_assets.auditors.budget import BudgetError
from medcalc_assets.auditors.casting import audit_votes, relabel_votes
from medcalc_assets.auditors.prices import cost
from medcalc_assets.auditors.provider import AuditorError
from medcalc_assets.auditors.registry import read
from medcalc_assets.auditors.tasks import AUDIT, RELABEL
from medcalc_assets_tests.auditors.conftest import DERIVATIONS, EACH_TASK, QUESTIONS, ballots, phase
from medcalc_assets_tests.gemini_server import CONTENT, sometimes

CREATING, NAMING = (
    f"medcalc_assets.auditors.{step}" for step in ("gemini.batch.GeminiJobs._create", "ledger.Ledger.name_batch")
)


@pytest.fixture
def batch(auditor):
    return replace(auditor, mode="batch")


@EACH_TASK
def test_a_batch_has_the_verdicts_of_single_calls_at_half_the_price(gemini, batch, undisturbed, task):
    votes = phase(batch, task)
    assert ballots(votes) == undisturbed[task.name]
    assert set(gemini.batch_answered.values()) == {1}
    assert not gemini.answered
    assert votes[0].cost_usd == pytest.approx((1500 * 1.25 + 1500 * 10) / 2e6 + 0.035 * ("search" in task.tools))
    assert len(gemini.jobs) <= 2, "what cannot be in vain, then all that is missing: a job may take a day"
    paid = sum(gemini.batch_answered.values())
    assert sum(vote.calls or 0 for vote in votes) == paid, "also of votes that turned out not to be needed"
    assert sum(vote.cost_usd or 0 for vote in votes) == pytest.approx(paid * votes[0].cost_usd)


def test_the_phases_are_side_by_side_within_one_budget(gemini, batch, undisturbed):
    castings = batch.cast_all([(AUDIT, DERIVATIONS), (RELABEL, QUESTIONS)])
    inputs = [gemini.files[job["input"]] for job in gemini.jobs.values()]
    assert {b"label_text" in lines for lines in inputs[:2]} == {True, False}, "a job of each phase, before any has ended"
    assert len(gemini.jobs) <= 4
    assert ballots(audit_votes(castings[0])) == undisturbed["audit"]
    assert ballots(relabel_votes(castings[1])) == undisturbed["relabel"]
    limited = replace(batch, run="another", max_usd=0.5, tools=())
    with pytest.raises(BudgetError):
        limited.cast_all([(AUDIT, DERIVATIONS), (RELABEL, QUESTIONS)])
    assert 0 < sum(cost(read(attempt)) for attempt in batch.ledger.attempts_of_run("another")) <= 0.5


@pytest.mark.parametrize("fault", ["EXPIRED", "FAILED", "partial", "shuffled", "wrong_keys", "garbled"])
def test_what_a_job_did_not_bring_is_asked_for_again_and_nothing_else(gemini, batch, undisturbed, fault):
    gemini.batch_fault = lambda nth: fault if nth == 0 else None
    assert ballots(phase(batch, RELABEL)) == undisturbed["relabel"]
    repeated = Counter(gemini.batch_answered.values())
    if fault == "wrong_keys":
        assert repeated[2] == 3 * len(QUESTIONS), "every answer was to another request"
    elif fault == "garbled":
        assert repeated[2] == 1
    else:
        assert set(repeated) == {1}


@pytest.mark.parametrize("fault", ["500", *sorted(set(CONTENT) - {"html", "truncated_json"})])
def test_requests_that_fail_within_a_job_go_into_the_next(gemini, batch, undisturbed, fault):
    gemini.fault = lambda ask: fault if ask.nth == 0 and int(ask.request_id, 16) % 2 else None
    assert ballots(phase(batch, RELABEL)) == undisturbed["relabel"]
    assert set(gemini.batch_answered.values()) == {1}


def test_every_fault_at_once_in_batches(gemini, batch, undisturbed):
    gemini.fault, gemini.batch_fault = sometimes(0.015), lambda nth: ("EXPIRED", "partial", None)[nth % 3]
    assert ballots(phase(batch, AUDIT)) == undisturbed["audit"]


def test_jobs_that_always_expire_fail_their_votes(gemini, batch):
    gemini.batch_fault = lambda nth: "EXPIRED"
    votes = list(replace(batch, limits=replace(batch.limits, tries=2)).relabel(QUESTIONS[:1]))
    assert "given up after 2 batch jobs" in votes[0].rationale
    assert {vote.status for vote in votes} == {"failed"}


class Crash(Exception):
    pass


def crash(*_, **__):
    raise Crash


@pytest.mark.parametrize(("where", "jobs_there"), [(CREATING, 0), (NAMING, 1)])
def test_a_job_is_lost_neither_before_nor_after_it_was_created(gemini, batch, undisturbed, monkeypatch, where, jobs_there):
    """The run dies when it has announced a job, or has created it and not heard of it: our own id finds it again."""
    with monkeypatch.context() as patch:
        patch.setattr(where, crash)
        with pytest.raises(Crash):
            phase(batch, RELABEL)
    assert len(gemini.jobs) == jobs_there
    assert ballots(phase(batch, RELABEL)) == undisturbed["relabel"]
    assert set(gemini.batch_answered.values()) == {1}


def test_votes_under_way_in_a_job_are_not_asked_for_online(gemini, auditor, batch, undisturbed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("medcalc_assets.auditors.batches._collect", crash)
        with pytest.raises(Crash):
            phase(batch, RELABEL)
    with pytest.raises(AuditorError, match=r"36 votes are under way in batch job batches/.*--mode batch"):
        phase(auditor, RELABEL)
    assert not gemini.answered
    assert ballots(phase(batch, RELABEL)) == ballots(phase(auditor, RELABEL)) == undisturbed["relabel"]


def test_a_batch_keeps_within_its_budget(gemini, batch):
    with pytest.raises(BudgetError):
        list(replace(batch, max_usd=2.0).relabel(QUESTIONS))
    assert 0 < sum(gemini.batch_answered.values()) * 0.043437500000000004 <= 2.0
    assert set(gemini.batch_answered.values()) == {1}
