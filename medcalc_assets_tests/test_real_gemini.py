"""Both phases over all real instances: a server that answers as the paper's auditor did leads to the paper's figures.

MEDCALC_KILLS=10 kills as many runs in each mode, up to three in a row before one may end; without it there is one.
"""

import multiprocessing
import os
import random
import threading
import time
from collections import defaultdict
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from medcalc_assets import cli
from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.ledger import Ledger
from medcalc_assets.auditors.model import ModelAuditor
from medcalc_assets.auditors.protocol import Derivation, Question, as_seen, sample
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.benchmarks.spec import INSTANCES
from medcalc_assets.calculators import KEYS
from medcalc_assets.defs import settings
from medcalc_assets.labels.value import Label, as_text, columns
from medcalc_assets.physicians.authors import AuthorsFiles
from medcalc_assets.storage.tables import TABLES
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets_tests.auditors.conftest import IMPATIENT, attempts, ballots
from medcalc_assets_tests.auditors.test_kill import finished
from medcalc_assets_tests.gemini_server import HARMLESS, KEY, PASSING, Ask, sometimes

pytestmark = pytest.mark.real_data

KILLS = int(os.environ.get("MEDCALC_KILLS", 1))
VOTES = ("audit_votes", "relabel_votes", "input_votes")
CHOSEN = KEYS[:10] if "MEDCALC_KILLS" in os.environ else KEYS[:3]
NOT_COMPARED = (
    *("latency_seconds", "requested_at", "first_at", "last_at", "happened_at", "run", "run_id", "response_id"),
    *("previous_sha256", "sha256", "body_sha256"),  # over times and ids, too
)
"""Times, the names of runs, and what the server draws anew for every answer."""
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


@pytest.fixture
def authors(real_data) -> dict[tuple[str, str], tuple[str | None, bool]]:
    """By note and question: the authors' relabel (None if deferred), and whether Phase 1 is to flag the label."""
    instances = Source(str(real_data / "medcalc_bench_v1_test.csv")).read().instances
    relabels = AuthorsFiles(real_data / "published").relabels(instances, KEYS)
    rows = instances.join(relabels, on="uid").select("note", "question", as_text("relabel")).iter_rows()
    return {(note, question): (relabel, len(note) % 4 == 0) for note, question, relabel in rows}


def test_a_server_that_answers_as_the_authors_leads_to_the_figures_of_the_paper(start_chain, gemini, real_data, authors):
    """Votes with noise, and one request in ten failing: 887 high-confidence relabels, 66 of them N/A, 286 likely errors."""
    positions: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)

    def answer(ask: Ask) -> dict:
        instance = ask.fields["note"], ask.fields["question"]
        relabel, flagged = authors[instance]
        votes = positions[ask.task, *instance]
        position = votes.setdefault(ask.request_id, len(votes))
        strays = position == 1 and ask.chance("stray").random() < 0.5
        if ask.task == "audit":
            wrong = flagged != strays
            return {"verdict": "likely_error" if wrong else "passed", "error_type": "aggregation_logic" if wrong else None}
        if relabel is None:
            return {"answer": position % 2}
        return {"answer": "-12345.67" if strays else relabel}

    gemini.answer = answer
    gemini.fault = sometimes(0.02, ("429", "503", "reset", "empty", "malformed"))
    chain = start_chain(str(real_data / "medcalc_bench_v1_test.csv"), str(real_data / "published"), "gemini-2.5-pro")
    chain.run()
    assert [check.check_name for check in chain.checks if not check.passed] == []

    ours = chain.read("relabels").filter(auditor="gemini-2.5-pro")
    theirs = chain.read("relabels").filter(auditor="authors")
    assert dict(ours["status"].value_counts().iter_rows()) == {"high_confidence": 887, "deferred": 160}
    assert ours.filter(relabel_kind="na").height == 66
    assert [Label(*row) for row in ours.select(columns("relabel")).iter_rows()] == [
        Label(*row) for row in theirs.select(columns("relabel")).iter_rows()
    ]
    scores = chain.read("disagreement_scores").filter(auditor="gemini-2.5-pro")
    assert scores["likely_error"].sum() == 286
    flags = chain.read("audit_flags")
    assert flags.height == INSTANCES["test"]
    to_flag = chain.read("raw_medcalc").filter(pl.col("note").str.len_chars() % 4 == 0)
    assert 200 < to_flag.height < 300
    assert set(flags.filter(status="likely_error")["uid"]) == set(to_flag["uid"])
    assert set(flags["status"]) == {"likely_error", "passed"}

    calls = chain.read("llm_calls")
    assert calls.height == len(gemini.asked)
    assert set(gemini.answered.values()) == {1}, "no usable answer was asked for again"
    votes = pl.concat([chain.read(name).select("status", "calls") for name in VOTES])
    assert votes["calls"].sum() == calls.height
    saved = votes.filter(status="not_cast").height
    print(f"{calls.height:,} calls, {calls['fault'].count():,} of them failed; {saved:,} of {votes.height:,} votes saved")


@pytest.fixture
def by_request(authors):
    """Answers that depend on the request alone: a repeated run sees the same, in whatever order it asks."""

    def answer(ask: Ask) -> dict:
        relabel, flagged = authors[ask.fields["note"], ask.fields["question"]]
        strays = ask.chance("stray").random() < 0.1
        if ask.task == "audit":
            wrong = flagged != strays
            return {"verdict": "likely_error" if wrong else "passed", "error_type": "aggregation_logic" if wrong else None}
        return {"answer": int(ask.request_id[:6], 16) if strays or relabel is None else relabel}

    return answer


def test_a_fault_in_ten_requests_changes_no_vote(gemini, real_data, by_request, tmp_path):
    """Every fault alone, and all of them at 2% each, in both phases, on one instance of every sixth calculator."""
    gemini.answer = by_request
    instances = sample(Source(str(real_data / "medcalc_bench_v1_test.csv")).read().instances, 1)[::6]
    derivations, questions = as_seen(Derivation, instances), as_seen(Question, instances)
    limits = replace(IMPATIENT, deadline_seconds=3.0, answers=8)

    def both(name: str, *faults: str) -> tuple[list, Ledger]:
        for seen in (gemini.asked, gemini.answered, gemini._seen):
            seen.clear()
        gemini.fault = sometimes(0.1 if len(faults) == 1 else 0.02, faults)
        ledger = Ledger(f"sqlite:///{tmp_path / name}.sqlite")
        auditor = ModelAuditor("gemini-2.5-pro", ledger, limits=limits)
        return ballots([*auditor.audit(derivations), *auditor.relabel(questions)]), ledger

    calm, _ = both("calm")
    for fault, faults in [(each, (each,)) for each in PASSING] + [("all", PASSING)]:
        votes, ledger = both(fault, *faults)
        assert votes == calm, fault
        assert len(attempts(ledger)) == len(gemini.asked), fault
        assert set(gemini.answered.values()) == {1}, fault
        failed = len(gemini.asked) - len(gemini.answered)
        assert (failed > 0) == (fault not in HARMLESS), fault
        print(f"{fault}: {len(instances)} instances, {len(gemini.asked)} calls, {failed} of them failed", flush=True)


@dataclass(frozen=True)
class BeatsOften(ModelAuditor):
    heartbeat_seconds: float = 0.3


def medcalc_run(home: Path, mode: str, server: str, data: Path) -> None:
    """`medcalc run`, less patient than by default."""
    os.environ |= {"GOOGLE_GEMINI_BASE_URL": server, "GEMINI_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}
    os.environ |= {"MEDCALC_HOME": str(home), "DAGSTER_HOME": str(home), "MEDCALC_AUTHORS": str(data / "published")}
    settings.Limits = partial(Limits, batch_poll_seconds=0.1)
    settings.ModelAuditor = BeatsOften
    arguments = ["run", "--source", str(data / "medcalc_bench_v1_test.csv"), "--auditor", "gemini-2.5-pro", "--mode", mode]
    with (home / "log").open("a") as log, redirect_stdout(log), redirect_stderr(log):
        cli.console.file = log
        cli.main([*arguments, *(part for key in CHOSEN for part in ("-c", key))])


@pytest.mark.parametrize("mode", ["online", "batch"])
def test_a_killed_run_is_resumed_and_ends_with_the_tables_of_an_undisturbed_one(
    gemini, real_data, by_request, tmp_path, mode
):
    gemini.answer = by_request
    moments = random.Random(mode)

    def start(name: str) -> multiprocessing.Process:
        (tmp_path / name).mkdir(exist_ok=True)
        process = PROCESSES.Process(target=medcalc_run, args=(tmp_path / name, mode, gemini.url, real_data))
        process.start()
        return process

    def to_the_end(name: str) -> dict[str, pl.DataFrame]:
        process = start(name)
        process.join()
        assert process.exitcode == 0, (tmp_path / name / "log").read_text()[-3_000:]
        of_answers = {"model_outputs", "grades", "leaderboard", "key_effects"}  # which nobody has added
        made = TABLES.keys() - {"label_releases", "sampling_plan", *of_answers}
        tables = {table: Warehouse(tmp_path / name).read(TABLES[table]) for table in sorted(made)}
        return {table: frame.drop(NOT_COMPARED, strict=False).sort(TABLES[table].key) for table, frame in tables.items()}

    def activity() -> tuple[int, ...]:
        return len(gemini.asked), len(gemini.files), sum(1 + job["looks"] for job in gemini.jobs.values())

    at_rest, changes = activity(), []
    watched = threading.Event()

    def watch() -> None:
        last = at_rest
        while not watched.wait(0.02):
            if last != (last := activity()):
                changes.append(time.monotonic())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    calm = to_the_end("calm")
    watched.set()
    watcher.join()
    before_calls, seconds, calls = changes[0] - began, changes[-1] - changes[0], len(gemini.asked)
    assert calm["llm_calls"].height == calls

    for home in range(0, KILLS, 3):
        name, asked, paid, again = f"killed {home}", len(gemini.asked), set(), set()
        for kill in range(home, min(home + 3, KILLS)):
            at_rest, then, began = activity(), len(gemini.asked), time.monotonic()
            process = start(name)
            while activity() == at_rest and time.monotonic() - began < 1.5 * before_calls:
                time.sleep(0.01)
            time.sleep(moment := moments.uniform(0, seconds / 2))
            process.kill()
            process.join()
            time.sleep(0.2)  # for what the server has received already
            again |= {ask.request_id for ask in gemini.asked[then:]} & paid
            ledger = tmp_path / name / "ledger.sqlite"
            paid = finished(Ledger(f"sqlite:///{ledger}")) if ledger.exists() else set()
            print(f"{mode}: kill {kill + 1}, {moment:.1f} s into the calls; {len(paid)} of {calls} finished", flush=True)
        then = len(gemini.asked)
        resumed = to_the_end(name)
        again |= {ask.request_id for ask in gemini.asked[then:]} & paid
        assert not again
        for table, frame in calm.items():
            assert_frame_equal(resumed[table], frame)
        lost = len(gemini.asked) - asked - calls
        # Online, what was under way at a kill; a batch job outlives the run that made it.
        assert lost <= (3 * Limits().at_once if mode == "online" else 0)
        print(f"{mode}: tables equal, {lost} calls lost when killed", flush=True)
