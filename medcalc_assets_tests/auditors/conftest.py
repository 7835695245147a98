from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from medcalc_assets.auditors import tasks
from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.ledger import ATTEMPTS, Ledger
from medcalc_assets.auditors.model import ModelAuditor
from medcalc_assets.auditors.protocol import Derivation, Inputs, Question
from medcalc_assets.auditors.tasks import AUDIT, INPUTS, RELABEL, TASKS
from medcalc_assets_tests.gemini_server import Ask, GeminiServer

QUICK = Limits(
    deadline_seconds=10.0, first_backoff_seconds=0.01, longest_backoff_seconds=0.05, batch_poll_seconds=0.02, at_first=64
)


UIDS = range(1, 13)
QUESTIONS = [Question(uid, f"note {uid}", "What is the score?") for uid in UIDS]
DERIVATIONS = [Derivation(uid, f"note {uid}", "What is the score?", "{}", "11", "because") for uid in UIDS]
ASKED = '- "age": a number, usually in years\n- "sex": one of ["Male", "Female"]'
INSTANCES = {
    AUDIT.name: DERIVATIONS,
    RELABEL.name: QUESTIONS,
    INPUTS.name: [Inputs(each.uid, each.note, each.question, ASKED) for each in QUESTIONS],
}
SAID = ("verdict", "answer", "inputs")
EACH_TASK = pytest.mark.parametrize("task", [AUDIT, RELABEL, INPUTS], ids=lambda task: task.name)


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


def reads_noisily(ask: Ask) -> dict:
    """The number of the note as an age, or, sometimes, that it states none."""
    number = int(ask.fields["note"].split()[1])
    return {"sex": "Female"} | ({} if ask.chance().random() < 0.25 else {"age": (number, "years")})


def phase(auditor: ModelAuditor, task: tasks.Task) -> list:
    return list(getattr(auditor, task.name)(INSTANCES[task.name]))


def ballots(votes: list) -> list:
    return [
        (vote.uid, vote.run_index, vote.status, next(getattr(vote, name) for name in SAID if hasattr(vote, name)))
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
def undisturbed(request, gemini, auditor, tmp_path):
    """The ballots of the test's task, or of all, when nothing goes wrong."""
    return undisturbed_by(gemini, auditor, tmp_path, request.node)


def undisturbed_by(server: GeminiServer, auditor: ModelAuditor, folder: Path, test: pytest.Function) -> dict[str, list]:
    server.answer, server.reads = noisy, reads_noisily
    calm = replace(auditor, ledger=Ledger(f"sqlite:///{folder / 'calm.sqlite'}"))
    params = test.callspec.params if hasattr(test, "callspec") else {}
    chosen = [params["task"]] if "task" in params else TASKS.values()
    found = {task.name: ballots(phase(calm, task)) for task in chosen}
    server.asked.clear()
    server.answered.clear()
    server._seen.clear()
    return found
