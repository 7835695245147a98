"""Dagster without its UI: the instance that the commands share with it, and runs that print nothing."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
import yaml
from dagster import DagsterExecutionInterruptedError
from filelock import FileLock
from sqlalchemy.pool import NullPool

from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import tags_of_runs
from medcalc_assets.errors import MedcalcError
from medcalc_assets.settings import HISTORY, require_database
from medcalc_assets.storage.event_log import BATCH
from medcalc_assets.storage.tables import MAINTAINED_LABELS

STORAGES = (
    "dagster_postgres",
    "medcalc_assets.storage.event_log",
    *(f"dagster._core.storage.{each}" for each in ("event_log", "runs", "schedules", "sqlite")),
)
"""Where Dagster reads and writes its history. What a damaged file raises there is of many kinds."""
SERVERS = "postgresql+psycopg2://user@host/database"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class DagsterHomeError(MedcalcError):
    """Dagster cannot read its settings, or read or write its history. The message names the folder and the remedy."""


def run_partitions(job: dg.JobDefinition, settings: Settings, instance: dg.DagsterInstance) -> None:
    """Run a job for every calculator that has maintained labels."""
    for tags in tags_of_runs(settings.warehouse.written(MAINTAINED_LABELS)):
        job.execute_in_process(instance=instance, tags=tags, run_config=QUIET)


@contextmanager
def instance_of_dagster() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance that `make ui` shows; one that forgets where the project's folder is not at hand.

    Raises KeyboardInterrupt where Dagster says in its own way that it was interrupted, and DagsterHomeError where its
    history, or its settings, cannot be read or written.
    """
    project = Path(__file__).parents[2]
    if "DAGSTER_HOME" not in os.environ and (project / "dagster.yaml").exists():
        os.environ["DAGSTER_HOME"] = str(project)
    try:
        with _opened() as instance:
            yield instance
    except DagsterExecutionInterruptedError as error:
        raise KeyboardInterrupt from error
    except yaml.YAMLError as error:
        raise DagsterHomeError(f"{_place()} has a dagster.yaml that is none: {error}. Correct it, and run again.") from error
    except Exception as error:
        frames = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__))
        if not any(name.startswith(STORAGES) for name in frames):
            raise
        if _of_server():
            raise DagsterHomeError(_unusable(error.__cause__ or error)) from error
        raise DagsterHomeError(
            f"{_place()} has a history that cannot be used: {getattr(error, 'orig', None) or error}. Free disk space if "
            "that is what lacks; else move its folders history and schedules away, which hold no label, and run again."
        ) from error


def _place() -> str:
    return f"DAGSTER_HOME {os.environ.get('DAGSTER_HOME', 'in memory')}"


def _of_server() -> bool:
    """Whether dagster.yaml has Dagster keep its history in the PostgreSQL of DAGSTER_POSTGRES_URL."""
    try:
        told = yaml.safe_load((Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml").read_text(encoding="utf-8"))
        return bool(told["storage"]["postgres"]["postgres_url"]["env"] == HISTORY)
    except (OSError, KeyError, TypeError):
        return False


def _require_server() -> None:
    """Raise DagsterHomeError or SettingsError if that PostgreSQL cannot be used: Dagster would try six times, and say so."""
    if not (url := os.environ.get(HISTORY)):
        raise DagsterHomeError(
            f"{_place()} has a dagster.yaml that wants {HISTORY}, which is not set: set it to {SERVERS}; deploy/README.md "
            "tells how."
        )
    require_database(url, HISTORY, ("postgresql+psycopg2",), SERVERS)
    if not find_spec("dagster_postgres"):
        raise DagsterHomeError(f"{_place()} takes the extra `postgres`: pip install 'medcalc_assets[postgres]'.")
    try:
        sa.create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10}).connect().close()
    except sa.exc.DBAPIError as error:
        raise DagsterHomeError(_unusable(error)) from error


def _unusable(error: BaseException) -> str:
    told = " ".join(str(getattr(error, "orig", None) or error).split()).removesuffix(".")
    return (
        f"The PostgreSQL of {HISTORY} cannot be used: {told}. See that it runs and has the database, that the URL has its "
        "address, and that PGPASSFILE, or the URL, has the password."
    )


@contextmanager
def _opened() -> Iterator[dg.DagsterInstance]:
    if "DAGSTER_HOME" not in os.environ:
        with dg.DagsterInstance.ephemeral() as instance:
            yield instance
        return
    storage = Path(os.environ["DAGSTER_HOME"]) / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    if is_of_server := _of_server():
        _require_server()
    with FileLock(storage / "opened.lock"):  # two processes that make Dagster's databases at once trip over each other
        instance = dg.DagsterInstance.get()
    if is_of_server:  # as of Dagster's webserver, its connections are kept: a run took three times as long
        os.environ.setdefault(BATCH, "1000")
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3_600, max_overflow=20)
    with instance:
        yield instance
