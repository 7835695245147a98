"""Runs that are killed while calls are under way: no finished call is paid twice, and the votes are those of a calm run.

MEDCALC_KILLS=10 kills as many runs in each mode; without it there are two.
"""

import multiprocessing
import os
import random
import signal
import sys
import time
from dataclasses import replace

import pytest
import sqlalchemy as sa

from medcalc_assets.auditors.ledger import ATTEMPTS, REQUEST_ID_LENGTH, Ledger
from medcalc_assets.auditors.model import ModelAuditor
from medcalc_assets.auditors.protocol import Question
from medcalc_assets_tests.auditors.conftest import QUICK, ballots
from medcalc_assets_tests.gemini_server import KEY, GeminiServer, sometimes

KILLS = int(os.environ.get("MEDCALC_KILLS", 2))
QUESTIONS = [Question(uid, f"note {uid}", "What is the score?") for uid in range(1, 41)]
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


def run(url: str, mode: str, server: str) -> None:
    os.environ |= {"GOOGLE_GEMINI_BASE_URL": server, "GEMINI_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}
    limits = replace(QUICK, at_once=8, at_first=8)
    auditor = ModelAuditor("gemini-2.5-pro", Ledger(url), mode=mode, limits=limits, heartbeat_seconds=0.1)
    list(auditor.relabel(QUESTIONS))


def finished(ledger: Ledger) -> set[str]:
    """The requests whose answers are in the ledger."""
    with ledger.engine.connect() as connection:
        votes = connection.scalars(sa.select(ATTEMPTS.c.vote).where(ATTEMPTS.c.status == 200)).all()
    return {vote[:REQUEST_ID_LENGTH] for vote in votes}


@pytest.mark.parametrize("mode", ["online", "batch"])
def test_no_finished_call_is_paid_twice_though_runs_are_killed(gemini, auditor, tmp_path, mode, database):
    gemini.answer = lambda ask: {"answer": "N/A" if ask.chance().random() < 0.2 else ask.fields["note"].split()[1]}
    calm = replace(auditor, ledger=Ledger(f"sqlite:///{tmp_path / 'calm.sqlite'}"))
    expected = ballots(list(calm.relabel(QUESTIONS)))
    gemini.asked.clear()
    gemini._seen.clear()
    gemini.seconds, gemini.fault = 0.15, sometimes(0.02, ("429", "500", "503", "reset"))

    url, moments, again = database, random.Random(mode), set()
    ledger = Ledger(url)
    for _ in range(KILLS):
        paid, before = finished(ledger), len(gemini.asked)
        process = PROCESSES.Process(target=run, args=(url, mode, gemini.url))
        process.start()
        time.sleep(moments.uniform(0.5, 1.5))
        process.kill()
        process.join()
        time.sleep(0.1)  # for what the server has received already
        again |= {ask.request_id for ask in gemini.asked[before:]} & paid
    paid, before = finished(ledger), len(gemini.asked)
    votes = list(replace(auditor, ledger=Ledger(url), mode=mode).relabel(QUESTIONS))
    again |= {ask.request_id for ask in gemini.asked[before:]} & paid
    assert ballots(votes) == expected
    assert not again
    print(f"{mode}: {KILLS} kills, {len(paid)} calls finished before the last run, {len(gemini.asked)} asked in all")
    if mode == "batch":
        assert set(gemini.batch_answered.values()) == {1}, "a job whose run was killed is waited for by the next one"


def as_on_the_command_line(url: str, server: str) -> None:
    """A run as the command line has it: interrupted, it says so."""
    try:
        run(url, "online", server)
    except KeyboardInterrupt:
        sys.exit(130)


def interrupted(url: str, server: GeminiServer, times: int) -> int:
    process = PROCESSES.Process(target=as_on_the_command_line, args=(url, server.url))
    process.start()
    while server.in_flight < 8:
        time.sleep(0.05)
    for _ in range(times):
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.2)
    process.join()
    return process.exitcode


def test_the_first_interruption_lets_the_calls_under_way_end_and_none_is_paid_twice(gemini, auditor, tmp_path):
    gemini.seconds = 1.0
    ledger = Ledger(f"sqlite:///{tmp_path / 'interrupted.sqlite'}")
    assert interrupted(ledger.url, gemini, 1) == 130
    asked = len(gemini.asked)
    assert 8 <= asked < 160
    assert len(finished(ledger)) == asked == sum(gemini.answered.values()), "every call that was made is in the ledger"
    gemini.seconds = 0.0
    list(replace(auditor, ledger=ledger).relabel(QUESTIONS))
    assert set(gemini.answered.values()) == {1}


def test_a_second_interruption_ends_a_run_at_once(gemini, tmp_path):
    gemini.seconds = 3600.0
    assert interrupted(f"sqlite:///{tmp_path / 'interrupted.sqlite'}", gemini, 2) == 130
