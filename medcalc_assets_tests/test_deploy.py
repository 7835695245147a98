"""A team's deployment: Dagster's history and the ledger in PostgreSQL, with the files of `deploy/`."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.pool import NullPool

from medcalc_assets.auditors.ledger import Ledger
from medcalc_assets.calculators import KEYS
from medcalc_assets.cli.instance import instance_of_dagster
from medcalc_assets.cli.ui import running
from medcalc_assets.defs.housekeeping import housekeeping
from medcalc_assets.defs.settings import Settings
from medcalc_assets_tests.cli import START, medcalc, process
from medcalc_assets_tests.cli.test_instance import labels, labels_are_right, older_than
from medcalc_assets_tests.conftest import PASSWORD
from medcalc_assets_tests.defs.test_gemini import knows_the_demo
from medcalc_assets_tests.test_ui import ROOT, UI, served, until

DEPLOY = ROOT / "deploy"
README = (DEPLOY / "README.md").read_text(encoding="utf-8")
MODEL = "gemini-2.5-pro"
SERVE = (sys.executable, "-c", START, "ui", "--source", "demo", "--auditor", MODEL)
RUNS = "{runsOrError{... on Runs{results{runId status startTime endTime tags{key value}}}}}"
THREE = KEYS[:3]
ERROR = dg.AssetCheckSeverity.ERROR


def backfill(keys: Sequence[str]) -> None:
    """As README.md tells: a run per calculator, each in the queue of the daemon."""
    chosen = ("--job", "chain", "--partitions", ",".join(keys), "--noprompt")
    where = ("--workspace", str(ROOT / "workspace.yaml"))
    subprocess.run([sys.executable, "-m", "dagster", "job", "backfill", *where, *chosen], check=True, cwd=ROOT)


def runs(ui: UI) -> dict[str, list[Any]]:
    """The runs of each calculator, the latest first."""
    found: dict[str, list[Any]] = {}
    for run in ui.ask(RUNS)["runsOrError"]["results"]:
        tags = {tag["key"]: tag["value"] for tag in run["tags"]}
        if "dagster/partition" in tags:
            found.setdefault(tags["dagster/partition"], []).append(run)
    return found


def failed_checks() -> list[str]:
    """The checks that failed in any run: each looks at whole tables, while other runs write them."""
    with instance_of_dagster() as instance:
        found = [
            entry.dagster_event.asset_check_evaluation_data
            for run in instance.get_runs()
            for entry in instance.all_logs(run.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
            if entry.dagster_event
        ]
    assert found
    return [f"{each.check_name}: {each.metadata}" for each in found if not each.passed and each.severity == ERROR]


def process_of(run_id: str) -> int:
    with instance_of_dagster() as instance:
        told = "\n".join(entry.user_message or entry.message for entry in instance.all_logs(run_id))
    return int(re.findall(r"pid: (\d+)", told)[-1])


def all_that_is_in(url: str) -> str:
    """Every row of every table of a database, as text."""
    engine = sa.create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return "".join(
            str(connection.execute(sa.text(f'SELECT * FROM "{table}"')).all())
            for table in sa.inspect(connection).get_table_names()
        )


def overlap(some: Sequence[Any]) -> bool:
    """Whether two of these runs were under way at the same moment."""
    times = sorted((run["startTime"], run["endTime"]) for run in some)
    return any(later[0] < earlier[1] for earlier, later in pairwise(times))


def backfill_with_a_kill(databases: list[str], gemini: Any) -> list[str]:
    """Three runs, one of which is killed and started again; the command lines that could be seen meanwhile.

    Asserts that several went at once, and that no call was asked again whose answer was in the ledger."""
    os.environ["MEDCALC_AT_ONCE"] = "2"
    gemini.answer = knows_the_demo
    gemini.seconds = 0.2
    folder, ledger = Path(os.environ["DAGSTER_HOME"]), Ledger(databases[1])
    with served(folder, *SERVE) as ui:
        backfill(THREE)
        until(lambda: sum(run["startTime"] is not None for [run] in runs(ui).values()) >= 2, "two runs at once", ui)
        until(lambda: ledger.count() > 12, "calls that are in the ledger", ui)
        victim, [killed] = next((key, found) for key, found in runs(ui).items() if found[0]["status"] == "STARTED")
        commands = [path.read_text() for path in Path("/proc").glob("[0-9]*/cmdline") if _is_readable(path)]
        os.kill(process_of(killed["runId"]), signal.SIGKILL)
        finished = {attempt.vote.sha256 for attempt in ledger.latest_attempts(10_000) if attempt.status == 200}
        assert finished
        until(lambda: runs(ui)[victim][0]["status"] == "FAILURE", "that the run is dead is noticed", ui)
        others = [key for key in THREE if key != victim]
        until(lambda: {runs(ui)[key][0]["status"] for key in others} == {"SUCCESS"}, "the others are not disturbed", ui)
        backfill([victim])
        until(lambda: runs(ui)[victim][0]["status"] == "SUCCESS", "what was killed is made", ui)
        all_runs = [run for found in runs(ui).values() for run in found]
        assert len(all_runs) == 4, "one per calculator, and one more for that which was killed"
        assert overlap([run for run in all_runs if run["status"] == "SUCCESS"])
    assert failed_checks() == []
    attempts = list(ledger.latest_attempts(10_000))
    paid = [attempt.vote.sha256 for attempt in attempts if attempt.status == 200]
    assert finished <= set(paid)
    assert len(paid) == len(set(paid)), "no finished call was asked again"
    assert len(gemini.asked) - len(attempts) <= 2, "what was under way in the run that was killed is all that was lost"
    return commands


def test_a_backfill_is_a_run_per_calculator_several_at_once_and_a_killed_one_resumes_without_paying_again(
    databases: list[str], gemini: Any, tmp_path: Path
) -> None:
    commands = backfill_with_a_kill(databases, gemini)
    asked, again = len(gemini.asked), {"MEDCALC_HOME": str(tmp_path / "again")}
    finish_quietly(process("run", "--auditor", MODEL, *(word for key in THREE for word in ("-c", key)), **again))
    assert len(gemini.asked) == asked, "another home, with that ledger, has nothing to ask"
    with instance_of_dagster() as instance:
        assert instance.get_materialized_partitions(dg.AssetKey("maintained_labels")) == set(THREE)

    left = {path.name for path in (tmp_path / "dagster").iterdir()}
    assert left <= {"dagster.yaml", "storage", "logs", ".logs_queue", "log"}, "no history in files"
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "pgpass"]
    assert not any(PASSWORD.encode() in content for content in written), "no log or file has the password"
    stored = [all_that_is_in(databases[0]), all_that_is_in(f"{databases[1].replace('guarded@', f'guarded:{PASSWORD}@')}")]
    assert all(len(text) > 50_000 for text in stored)
    assert not any(PASSWORD in text for text in stored), "nor has a table"
    assert any("execute_run" in command or "code-server" in command for command in commands)
    assert not any(PASSWORD in command for command in commands), "nor has a command line, which everybody can read"


def _is_readable(path: Path) -> bool:
    with suppress(OSError):
        return bool(path.read_text())
    return False


def finish_quietly(run: "subprocess.Popen[str]") -> None:
    out, err = run.communicate()
    assert run.returncode == 0, (out, err)
    assert PASSWORD not in out + err


def test_the_processes_of_the_readme_serve_the_chain_started_one_by_one(databases: list[str], tmp_path: Path) -> None:
    modules = {"dagster": "dagster", "dagster-daemon": "dagster._daemon", "dagster-webserver": "dagster_webserver"}
    told = re.findall(r"^\.venv/bin/(dagster(?:-\w+)?) (.*(?:start|run|webserver|workspace).*--.*)$", README, re.MULTILINE)
    commands = [line for line in told if "backfill" not in line[1]]
    assert [name for name, _ in commands] == list(modules)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"4000": str(one.getsockname()[1]), "3000": str(other.getsockname()[1])}
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text((DEPLOY / "workspace.yaml").read_text().replace("4000", ports["4000"]))
    there = ports | {"deploy/workspace.yaml": str(workspace)}
    with ExitStack() as started:
        for name, arguments in commands:
            process = started.enter_context(running(modules[name], *(there.get(word, word) for word in arguments.split())))
        (tmp_path / "log").touch()
        ui = UI(f"http://127.0.0.1:{ports['3000']}", tmp_path, process)
        nodes = until(lambda: ui.ask("{assetNodes{assetKey{path}}}")["assetNodes"], "the code location", ui)
        assert {"maintained_labels", "label_evidence"} <= {node["assetKey"]["path"][-1] for node in nodes}
        health = '{instance{daemonHealth{daemonStatus(daemonType: "QUEUED_RUN_COORDINATOR"){healthy}}}}'
        until(lambda: ui.ask(health)["instance"]["daemonHealth"]["daemonStatus"]["healthy"], "the daemon", ui)


def test_old_runs_go_from_the_server_too_and_every_partition_stays_materialized(
    databases: list[str], tmp_path: Path
) -> None:
    resources = {"settings": Settings(home=str(tmp_path / "data"))}
    with instance_of_dagster() as instance:
        for key in ("a", "b", "b", "b"):
            last = dg.materialize([labels, labels_are_right], instance=instance, partition_key=key).run_id
        housekeeping.execute_in_process(instance=instance, run_config=older_than(0), resources=resources)
        left = {run.run_id for run in instance.get_runs()}
        assert last in left
        assert len(left) == 3, "of a, of b, and the one that is tidying"
        assert instance.get_materialized_partitions(labels.key) == {"a", "b"}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (None, "has a dagster.yaml that wants DAGSTER_POSTGRES_URL, which is not set: set it to postgresql+psycopg2://"),
        (
            "{postgresql}",
            "DAGSTER_POSTGRES_URL is a database of postgresql+psycopg: it may be postgresql+psycopg2://user@host",
        ),
        ("sqlite:///history", "DAGSTER_POSTGRES_URL is a database of sqlite+pysqlite: it may be postgresql+psycopg2://"),
        ("{wrong}", 'password authentication failed for user "guarded". See that it runs'),
        (
            "{nowhere}",
            "Connection refused Is the server running on that host and accepting TCP/IP connections?. See that it runs",
        ),
        ("{no_database}", 'database "none" does not exist. See that it runs and has the database'),
        ("{at}", "DAGSTER_POSTGRES_URL has a password with an @, which is written %40"),
        ("{query}", "DAGSTER_POSTGRES_URL has a password with an @, which is written %40, or one behind a ?"),
        (f"{PASSWORD}", "DAGSTER_POSTGRES_URL is no URL of a database: it may be postgresql+psycopg2://user@host/database."),
    ],
)
def test_a_history_that_cannot_be_used_is_told_in_one_line_without_its_password(
    url: str | None, told: str, databases: list[str]
) -> None:
    right = sa.make_url(databases[0])
    urls = {
        "postgresql": right.set(drivername="postgresql"),
        "wrong": right.set(password=f"{PASSWORD}!"),
        "nowhere": right.set(port=1),
        "no_database": right.set(database="none"),
        "query": right.set(password=None).update_query_dict({"password": PASSWORD}),
    }
    shown = {name: each.render_as_string(hide_password=False) for name, each in urls.items()}
    shown["at"] = databases[0].replace(PASSWORD, f"not-{PASSWORD}@{PASSWORD}")
    if url is None:
        del os.environ["DAGSTER_POSTGRES_URL"]
    else:
        os.environ["DAGSTER_POSTGRES_URL"] = url.format(**shown)
    ran = medcalc("run", "-c", KEYS[0], DAGSTER_HOME=os.environ["DAGSTER_HOME"])
    assert ran.exit_code == 1, ran.output
    assert told in " ".join(ran.stderr.split())
    assert ran.stderr.count("\n") == 1
    assert PASSWORD not in ran.output
    assert "Traceback" not in ran.output


@pytest.mark.parametrize("missing", ["psycopg2", "dagster_postgres"])
def test_a_missing_driver_is_told_with_the_extra_that_has_it(
    missing: str, databases: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    ran = medcalc("run", "-c", KEYS[0], DAGSTER_HOME=os.environ["DAGSTER_HOME"])
    assert ran.exit_code == 1, ran.output
    assert "pip install 'medcalc_assets[postgres]'" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert PASSWORD not in ran.output


def test_the_ui_tells_it_in_one_line_too(databases: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", databases[0].replace(PASSWORD, "wrong"))
    ran = medcalc("ui", "--port", "0", DAGSTER_HOME=os.environ["DAGSTER_HOME"])
    assert ran.exit_code == 1
    assert "password authentication failed" in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("harm", ["wrong", "at"])
def test_a_ledger_that_cannot_be_used_is_told_without_its_password(harm: str, databases: list[str]) -> None:
    wrong = {"wrong": f":{PASSWORD}!@", "at": f":not@{PASSWORD}@"}[harm]
    ledger = databases[1].replace("@", wrong)
    ran = medcalc("run", "-c", KEYS[0], MEDCALC_LEDGER=ledger, DAGSTER_HOME=os.environ["DAGSTER_HOME"])
    assert ran.exit_code == 1, ran.output
    assert ("password authentication failed" if harm == "wrong" else "MEDCALC_LEDGER has a password with an @") in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert PASSWORD not in ran.output


def test_the_dagster_yaml_of_a_team_differs_from_that_of_the_project_where_it_says_so() -> None:
    ours, theirs = (yaml.safe_load((folder / "dagster.yaml").read_text()) for folder in (ROOT, DEPLOY))
    assert ours.keys() - theirs.keys() == {"event_log_storage"}
    assert theirs.keys() - ours.keys() == {"storage"}
    assert {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]} == {"concurrency"}


def test_a_history_that_is_lost_in_the_middle_of_a_run_is_told_in_the_last_line(
    databases: list[str], postgres: str, tmp_path: Path
) -> None:
    run = process("run", *(word for key in THREE for word in ("-c", key)))
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        while run.poll() is None and "STEP_SUCCESS" not in all_that_is_in(databases[0]):
            time.sleep(0.2)
        connection.exec_driver_sql(f"DROP DATABASE {sa.make_url(databases[0]).database} WITH (FORCE)")
    out, err = run.communicate()
    assert run.returncode == 1
    *of_dagster, last = err.splitlines()
    assert any("Retrying failed database connection" in line for line in of_dagster), "Dagster tells that it waits"
    assert last.startswith("DagsterHomeError The PostgreSQL of DAGSTER_POSTGRES_URL cannot be used: "), err
    assert last.endswith("that the URL has its address, and that PGPASSFILE, or the URL, has the password.")
    assert "Traceback" not in err
    assert PASSWORD not in out + err
