"""What the tests share: the real data, and the chain run through Dagster."""

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import hypothesis
import polars as pl
import pytest
import sqlalchemy as sa
from filelock import FileLock
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy.pool import NullPool

from medcalc_assets.calculators import KEYS
from medcalc_assets.cli import instance as cli_instance
from medcalc_assets.definitions import assemble
from medcalc_assets.defs.settings import Settings
from medcalc_assets.release.build import confirmation
from medcalc_assets.release.versions import Version
from medcalc_assets.storage.tables import TABLES
from medcalc_assets_tests.gemini_server import KEY, GeminiServer

PASSWORD = "a-password-that-nothing-may-show"
"""Of the role `guarded` of the PostgreSQL for tests."""

hypothesis.settings.register_profile("busy", deadline=None)  # these machines are noisy
hypothesis.settings.load_profile("busy")


@dataclass
class Chain:
    """The project with settings of its own, on a real Dagster instance: in memory, as its files take most of the time."""

    settings: Settings
    instance: dg.DagsterInstance

    def run(self, keys: Sequence[str] = KEYS) -> None:
        """Materialize a contiguous range of partitions, then the figures."""
        definitions = assemble(self.settings)
        of_keys = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
        for job, tags in (("chain", of_keys), ("figures", {})):
            definitions.resolve_job_def(job).execute_in_process(instance=self.instance, tags=tags)

    def read(self, name: str) -> pl.DataFrame:
        return self.settings.warehouse.read(TABLES[name])

    @property
    def checks(self) -> list[dg.AssetCheckEvaluation]:
        """What the checks found, in all runs."""
        events = [
            entry.dagster_event
            for run in self.instance.get_runs()
            for entry in self.instance.all_logs(run.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        ]
        return [event.asset_check_evaluation_data for event in events if event]

    @property
    def history(self) -> dict[str, sqlite3.Connection]:
        """Dagster's runs and events."""
        parts = {"runs": self.instance.run_storage, "events": self.instance.event_log_storage}
        return {name: part._held_conn.connection.driver_connection for name, part in parts.items()}


@pytest.fixture(scope="session")
def start_chain(tmp_path_factory):
    """A chain in a folder of its own, for a source and, where there are any, authors' files."""

    def start(
        source: str = "demo",
        authors: str = "",
        auditor: str = "",
        instance: dg.DagsterInstance | None = None,
        strict: bool = False,
    ) -> Chain:
        home = str(tmp_path_factory.mktemp("chain") / "home")
        settings = Settings(home=home, source=source, authors=authors, auditor=auditor, strict=strict)
        return Chain(settings, instance or dg.DagsterInstance.ephemeral())

    return start


@pytest.fixture(scope="session")
def demo_again(start_chain, tmp_path_factory):
    """Copies of the whole demo, which one of pytest's processes runs, once for all of them."""
    base = tmp_path_factory.getbasetemp()
    made = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo"

    def again() -> Chain:
        chain = start_chain()
        with FileLock(f"{made}.lock"):
            if not made.exists():
                chain.run()
                shutil.copytree(chain.settings.home, half_made := made.with_suffix(".part"))
                for name, connection in chain.history.items():
                    with closing(sqlite3.connect(half_made / name)) as file:
                        connection.backup(file)
                half_made.rename(made)
                return chain
        shutil.copytree(made, chain.settings.home, dirs_exist_ok=True)
        for name, connection in chain.history.items():
            with closing(sqlite3.connect(made / name)) as file:
                file.backup(connection)
        return chain

    return again


@pytest.fixture(scope="session")
def demo(demo_again) -> Chain:
    """The whole demo. Tests only read it."""
    return demo_again()


@pytest.fixture(scope="module")
def own_demo(demo_again) -> Chain:
    """A demo of this module's own, which its tests may release and change."""
    return demo_again()


@pytest.fixture(scope="module")
def release():
    def run(chain, version: str | None, because: str | None = None) -> dg.ExecuteInProcessResult:
        job = assemble(chain.settings).resolve_job_def("release")
        asked_for = {"version": version, "because": because}
        if version:
            asked_for["confirm"] = confirmation(
                chain.settings.warehouse, chain.settings.releases, Version.parse(version), because
            )
        config = {"ops": {"freeze": {"config": asked_for}}}
        return job.execute_in_process(run_config=config, instance=chain.instance, raise_on_error=False)

    return run


@pytest.fixture
def dagster_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What all commands of a test run in. Dagster's own files are those of test_kill, and of the UI."""
    instance = dg.DagsterInstance.ephemeral()
    monkeypatch.setattr(cli_instance, "_opened", lambda: nullcontext(instance))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real benchmark, which is no part of the project: a fresh clone is without it, `.ci/run` is not."""
    folder = os.environ.get("MEDCALC_REAL_DATA")
    if not folder:
        # The notes are not ours to commit, so that `make test` must run on a clone without them; `.ci/run` fails instead.
        pytest.skip("the real data is no part of the project: MEDCALC_REAL_DATA names its folder; .ci/run insists")
    assert (Path(folder) / "medcalc_bench_v1_test.csv").is_file(), f"MEDCALC_REAL_DATA={folder} holds no benchmark"
    return Path(folder)


@pytest.fixture(scope="session")
def real_outputs() -> Path:
    """The folder with stored answers of real models, which are no part of the project either."""
    folder = os.environ.get("MEDCALC_REAL_OUTPUTS")
    if not folder:
        pytest.skip(
            "the stored answers are no part of the project: MEDCALC_REAL_OUTPUTS names their folder; .ci/run insists"
        )
    return Path(folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, which asks nobody for anything by itself. While it is open, playwright's event loop is running, and
    no other can be started."""
    quiet = ("gpu", "background-networking", "component-update", "sync")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--no-first-run", *(f"--disable-{each}" for each in quiet)],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def gemini(monkeypatch: pytest.MonkeyPatch) -> Iterator[GeminiServer]:
    """A Gemini on this machine, which the environment points to."""
    with GeminiServer() as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


@pytest.fixture(autouse=True)
def settings_from_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No test reads the settings of whoever runs it or of another test, or writes to a warehouse that is in use."""
    before = dict(os.environ)
    for name in os.environ.keys() - {"MEDCALC_REAL_DATA", "MEDCALC_REAL_OUTPUTS", "MEDCALC_SCREENSHOTS"}:
        if name.startswith(("MEDCALC_", "GEMINI_", "GOOGLE_", "OPENAI_", "DAGSTER_HOME")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MEDCALC_HOME", str(tmp_path / "home"))
    yield
    for name in os.environ.keys() - before.keys():  # an option of the command line sets its variable
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL on 127.0.0.1, of Debian's package, in a folder of its own: pytest closes its folders. It asks the
    role `guarded` for a password, and nobody else."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert found, "`make test` installs PostgreSQL"
    folder = Path(tempfile.mkdtemp(prefix="medcalc-postgres-"))
    as_user = {"user": "postgres", "cwd": folder} if os.getuid() == 0 else {"cwd": folder}  # it does not run as root
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    subprocess.run([found[-1] / "initdb", "-D", folder / "data", "-A", "trust", "-U", "tests"], check=True, **as_user)
    hba = folder / "data" / "pg_hba.conf"
    hba.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{hba.read_text()}")
    options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -p {port}"
    control = [found[-1] / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log"]
    subprocess.run([*control, "-o", options, "start"], check=True, **as_user)
    url = f"postgresql+psycopg://tests@127.0.0.1:{port}/postgres"
    with sa.create_engine(url, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'")
    yield url
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, **as_user)
    shutil.rmtree(folder)


@pytest.fixture
def new_database(postgres: str) -> Callable[..., sa.URL]:
    """Makes a database in that PostgreSQL, of this role; the URL is without its password."""

    def make(role: str = "tests") -> sa.URL:
        name = f"of_{uuid.uuid4().hex}"
        engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {role}")
        return sa.make_url(postgres).set(database=name, username=role)

    return make


@pytest.fixture
def databases(new_database: Callable[..., sa.URL], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs of history and ledger, which the environment has, too. The one has its password in it; that of the other is
    in the file of PGPASSFILE, as README.md advises."""
    history, ledger = (new_database("guarded") for _ in range(2))
    history = history.set(drivername="postgresql+psycopg2", password=PASSWORD)
    (file := tmp_path / "pgpass").write_text(f"127.0.0.1:{ledger.port}:{ledger.database}:guarded:{PASSWORD}\n")
    file.chmod(0o600)
    (folder := tmp_path / "dagster").mkdir()
    shutil.copy(Path(__file__).parents[1] / "deploy" / "dagster.yaml", folder)
    urls = [history.render_as_string(hide_password=False), ledger.render_as_string()]
    for name, value in {
        "PGPASSFILE": str(file),
        "DAGSTER_HOME": str(folder),
        "DAGSTER_POSTGRES_URL": urls[0],
        "MEDCALC_LEDGER": urls[1],
    }.items():
        monkeypatch.setenv(name, value)
    return urls
