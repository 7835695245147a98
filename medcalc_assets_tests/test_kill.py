"""A run that dies, and runs beside each other: the next run ends with the tables of a run that nothing disturbed.

MEDCALC_KILLS=10 kills as many runs, of all calculators and of the source that MEDCALC_SOURCE and MEDCALC_AUTHORS
name; without it there are two kills of a run of two calculators of the demo.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from medcalc_assets.calculators import KEYS
from medcalc_assets.cli.instance import instance_of_dagster
from medcalc_assets.definitions import assemble
from medcalc_assets.defs.checks import CHAIN_CHECKS, FIGURE_CHECKS
from medcalc_assets.defs.settings import Settings
from medcalc_assets.storage.tables import SCHEMA, TABLES
from medcalc_assets.storage.warehouse import WRITTEN, Warehouse

ROOT = Path(__file__).parents[1]
BY_HAND = "MEDCALC_KILLS" in os.environ
KILLS = int(os.environ.get("MEDCALC_KILLS", 2))
CHOSEN = KEYS if BY_HAND else KEYS[:2]
SOURCE = {
    name: os.environ.get(name, default) if BY_HAND else default
    for name, default in (("MEDCALC_SOURCE", "demo"), ("MEDCALC_AUTHORS", ""))
}
CHAIN = [name for name, table in TABLES.items() if table.partitioned]


@dataclass(frozen=True)
class Project:
    """A person's folder: a warehouse and a Dagster instance, empty at first."""

    folder: Path
    dagster_yaml: Path = ROOT / "dagster.yaml"

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.folder / "home", lock_timeout=10)

    def run(self, *calculators: str) -> "subprocess.Popen[str]":
        """`medcalc run` on these calculators."""
        dagster_home = self.folder / "dagster"
        dagster_home.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.dagster_yaml, dagster_home)
        settings = SOURCE | {"MEDCALC_HOME": str(self.warehouse.home), "DAGSTER_HOME": str(dagster_home)}
        options = [word for key in calculators for word in ("-c", key)]
        return subprocess.Popen(
            [sys.executable, "-c", "from medcalc_assets.cli import main; main()", "run", *options],
            cwd=ROOT,
            env={**os.environ, **settings, "MEDCALC_AUDITOR": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def tables(self) -> dict[str, pl.DataFrame]:
        """What has been written so far, but for which run it was and when: the history names those."""
        if not self.warehouse.path.exists():
            return {}
        with self.warehouse.connect(read_only=True) as connection:
            made = {name for (name,) in connection.sql("SELECT table_name FROM duckdb_tables()").fetchall()}
        found = {name: self.warehouse.read(table) for name, table in TABLES.items() if name in made}
        return {name: table.drop(*OF_A_RUN, strict=False) for name, table in found.items()}


def finish(run: "subprocess.Popen[str]") -> None:
    out, _ = run.communicate()
    assert run.returncode == 0, out


def partitions(tables: dict[str, pl.DataFrame]) -> set[tuple[str, str, int]]:
    """Each partition of each table, with a hash of its rows."""
    return {
        (name, str(key), int(part.hash_rows(seed=1).sort().hash().sum()))
        for name in CHAIN
        if name in tables
        for (key,), part in tables[name].group_by("calculator")
    }


def assert_same(tables: dict[str, pl.DataFrame], expected: dict[str, pl.DataFrame]) -> None:
    assert tables.keys() == expected.keys()
    for name, table in tables.items():
        assert table.equals(expected[name], null_equal=True), f"{name} differs"


OF_A_RUN = ("run_id", "happened_at", "previous_sha256", "sha256")
"""What is of a run: the hashes of the history are over its time, too."""


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, float]:
    """A project after a run that nothing disturbed, and how long that took."""
    project = Project(tmp_path_factory.mktemp("undisturbed"))
    began = time.monotonic()
    finish(project.run(*CHOSEN))
    return project, time.monotonic() - began


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_run_killed_at_any_moment_and_run_again_ends_as_if_undisturbed(
    undisturbed: tuple[Project, float], tmp_path: Path, kill: int
) -> None:
    expected, duration = undisturbed[0].tables(), undisturbed[1]
    # A random moment in each of as many parts of the run; before the first of them Python and Dagster are starting.
    moment = duration * (0.3 + 0.7 * (kill + random.Random(3 + kill).random()) / KILLS)
    project = Project(tmp_path)
    run = project.run(*CHOSEN)
    try:
        run.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        run.kill()
        run.communicate()
    left = project.tables()
    print(f"kill {kill} at {moment:.1f} of {duration:.1f} s, exit {run.returncode}, {len(left)} tables: {', '.join(left)}")
    assert partitions(left) <= partitions(expected), "a partition is neither whole nor absent"
    finish(project.run(*CHOSEN))
    assert_same(project.tables(), expected)


def test_two_runs_on_different_calculators_at_the_same_time_both_succeed(
    undisturbed: tuple[Project, float], tmp_path: Path
) -> None:
    expected = undisturbed[0].tables()
    project = Project(tmp_path)
    for run in [project.run(*CHOSEN[:1]), project.run(*CHOSEN[1:])]:
        finish(run)
    tables = project.tables()
    assert_same({name: tables[name] for name in CHAIN}, {name: expected[name] for name in CHAIN})


def test_two_commands_at_once_with_history_in_postgresql_one_killed_end_as_if_undisturbed(
    undisturbed: tuple[Project, float], databases: list[str], tmp_path: Path
) -> None:
    expected, duration = undisturbed[0].tables(), undisturbed[1]
    project = Project(tmp_path, ROOT / "deploy" / "dagster.yaml")
    one, other = project.run(*CHOSEN[:1]), project.run(*CHOSEN[1:])
    time.sleep(0.8 * duration)
    one.kill()
    one.communicate()
    finish(other)
    finish(project.run(*CHOSEN))
    assert_same(project.tables(), expected)
    assert not (tmp_path / "dagster" / "history").exists(), "it is in PostgreSQL"
    with sa.create_engine(databases[0], poolclass=NullPool).connect() as connection:
        states = connection.execute(sa.text("SELECT status, count(*) FROM runs GROUP BY status")).all()
    assert sum(count for status, count in states if status == "SUCCESS") >= 4, states


def open_dagster() -> None:
    """Open the Dagster instance of this project at the moment that the others do."""
    print("ready", flush=True)
    sys.stdin.readline()
    with instance_of_dagster() as instance:
        print(instance.get_runs_count())


def test_processes_that_open_a_new_dagster_home_at_the_same_moment_all_succeed(tmp_path: Path) -> None:
    call = f"from {__name__} import open_dagster; open_dagster()"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", call],
            cwd=ROOT,
            env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("now\n")
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate()
        assert out == "0\n", err


def begin(undisturbed: Project, home: Path, begun: int) -> None:
    """A home in which another run has written so many tables of the second calculator, and those alone."""
    shutil.copytree(undisturbed.warehouse.home, home)
    with Warehouse(home).connect() as connection:
        connection.execute(f"USE {SCHEMA}")
        connection.execute(f"DELETE FROM benchmark_summary WHERE calculator = '{KEYS[1]}'")
        for later in CHAIN[begun:]:
            connection.execute(f"DELETE FROM {later} WHERE calculator = '{KEYS[1]}'")
            connection.execute(f"DELETE FROM {WRITTEN} WHERE table_name = '{later}' AND calculator = '{KEYS[1]}'")


@pytest.mark.parametrize("begun", range(1, len(CHAIN)), ids=lambda n: f"begun_up_to_{CHAIN[n - 1]}")
def test_a_calculator_that_a_run_beside_this_one_has_only_begun_fails_no_check(
    undisturbed: tuple[Project, float], tmp_path: Path, begun: int
) -> None:
    begin(undisturbed[0], tmp_path / "home", begun)
    with Warehouse(tmp_path / "home").connect() as connection:
        connection.execute(f"USE {SCHEMA}")
        results = [check.run(connection) for check in CHAIN_CHECKS + FIGURE_CHECKS]
    failed = [result for result in results if not result.passed and result.severity == dg.AssetCheckSeverity.ERROR]
    assert not failed


@pytest.mark.parametrize("begun", [1, CHAIN.index("label_evidence"), CHAIN.index("label_evidence") + 1])
def test_figures_that_are_made_when_another_run_has_only_begun_a_calculator_fail_no_check(
    undisturbed: tuple[Project, float], tmp_path: Path, begun: int
) -> None:
    begin(undisturbed[0], tmp_path / "home", begun)
    figures = assemble(Settings(home=str(tmp_path / "home"))).resolve_job_def("figures")
    with dg.DagsterInstance.ephemeral() as instance:
        checks = figures.execute_in_process(instance=instance).get_asset_check_evaluations()
    assert len(checks) >= len(FIGURE_CHECKS)
    assert [(each.check_name, each.metadata) for each in checks if not each.passed] == []
