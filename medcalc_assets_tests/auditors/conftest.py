from dataclasses import replace

import pytest
import sqlalchemy as sa

from medcalc_assets.auditors import tasks
from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.ledger import ATTEMPTS, Ledger
from medcalc_assets.auditors.model import ModelAuditor
from medcalc_assets.auditors.protocol import Derivation, Question
from medcalc_assets.auditors.tasks import AUDIT, RELABEL
from medcalc_assets_tests.gemini_server import Ask

QUICK = Limits(
    deadline_seconds=10.0, first_backoff_seconds=0.01, longest_backoff_seconds=0.05, batch_poll_seconds=0.02, at_first=64
)


UIDS = range(1, 13)
QUESTIONS = [Question(uid, f"note {uid}", "What is the score?") for uid in UIDS]
DERIVATIONS = [Derivation(uid, f"note {uid}", "What is the score?", "{}", "11", "because") for uid in UIDS]


def noisy(ask: Ask) -> dict:
    """Mostly the same, sometimes another answer: which one, depends on the request alone."""
    strays = ask.chance().random() < 0.25
    if ask.task == "audit":
        flags = strays != (int(ask.fields["note"].split()[1]) % 2 == 0)
        return (
            {"verdict": "likely_error", "error_type": "aggregation_logic"}
            if flags
            else {"verdict": "passed", "error_type": None}
        )
    return {"answer": "N/A" if strays else ask.fields["note"].split()[1]}


def phase(auditor: ModelAuditor, task: tasks.Task) -> list:
    return list(auditor.audit(DERIVATIONS) if task is AUDIT else auditor.relabel(QUESTIONS))


def ballots(votes: list) -> list:
    return [
        (vote.uid, vote.run_index, vote.status, getattr(vote, "verdict", None) or getattr(vote, "answer", None))
        for vote in votes
    ]


def attempts(ledger: Ledger) -> list:
    with ledger.engine.connect() as connection:
        return list(connection.execute(sa.select(ATTEMPTS)))


IMPATIENT = replace(QUICK, deadline_seconds=1.0)
"""For servers that stall: long enough for an answer on a busy machine."""


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path) -> str:
    """URL of a new database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'any.sqlite'}"
    return request.getfixturevalue("new_database")().render_as_string()


@pytest.fixture
def any_ledger(database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def auditor(gemini, ledger) -> ModelAuditor:
    return ModelAuditor("gemini-2.5-pro", ledger, run="test", limits=QUICK, heartbeat_seconds=0.2)


@pytest.fixture
def undisturbed(gemini, auditor, tmp_path):
    """The ballots of both phases when nothing goes wrong."""
    gemini.answer = noisy
    calm = replace(auditor, ledger=Ledger(f"sqlite:///{tmp_path / 'calm.sqlite'}"))
    found = {task.name: ballots(phase(calm, task)) for task in (AUDIT, RELABEL)}
    gemini.asked.clear()
    gemini.answered.clear()
    gemini._seen.clear()
    return found
