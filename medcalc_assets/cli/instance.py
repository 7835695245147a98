"""Dagster without its UI: the instance that the commands share with it, and runs that print nothing."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import yaml
from dagster import DagsterExecutionInterruptedError
from filelock import FileLock

from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import tags_of_runs
from medcalc_assets.errors import MedcalcError
from medcalc_assets.storage.tables import MAINTAINED_LABELS

HISTORY = (
    "medcalc_assets.storage.event_log",
    *(f"dagster._core.storage.{each}" for each in ("event_log", "runs", "schedules", "sqlite")),
)
"""Where Dagster reads and writes its history. What a damaged file raises there is of many kinds."""
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
        if not any(name.startswith(HISTORY) for name in frames):
            raise
        raise DagsterHomeError(
            f"{_place()} has a history that cannot be used: {getattr(error, 'orig', None) or error}. Free disk space if "
            "that is what lacks; else move its folders history and schedules away, which hold no label, and run again."
        ) from error


def _place() -> str:
    return f"DAGSTER_HOME {os.environ.get('DAGSTER_HOME', 'in memory')}"


@contextmanager
def _opened() -> Iterator[dg.DagsterInstance]:
    if "DAGSTER_HOME" not in os.environ:
        with dg.DagsterInstance.ephemeral() as instance:
            yield instance
        return
    storage = Path(os.environ["DAGSTER_HOME"]) / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    with FileLock(storage / "opened.lock"):  # two processes that make Dagster's databases at once trip over each other
        instance = dg.DagsterInstance.get()
    with instance:
        yield instance
