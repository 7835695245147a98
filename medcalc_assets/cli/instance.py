"""Dagster without its UI: the instance that the commands share with it, and runs that print nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster import DagsterExecutionInterruptedError
from filelock import FileLock

from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import tags_of_runs
from medcalc_assets.storage.tables import MAINTAINED_LABELS

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_partitions(job: dg.JobDefinition, settings: Settings, instance: dg.DagsterInstance) -> None:
    """Run a job for every calculator that has maintained labels."""
    for tags in tags_of_runs(settings.warehouse.written(MAINTAINED_LABELS)):
        job.execute_in_process(instance=instance, tags=tags, run_config=QUIET)


@contextmanager
def instance_of_dagster() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance that `make ui` shows; one that forgets where the project's folder is not at hand.

    Raises KeyboardInterrupt where Dagster says in its own way that it was interrupted.
    """
    project = Path(__file__).parents[2]
    if "DAGSTER_HOME" not in os.environ and (project / "dagster.yaml").exists():
        os.environ["DAGSTER_HOME"] = str(project)
    with _opened() as instance:
        try:
            yield instance
        except DagsterExecutionInterruptedError as error:
            raise KeyboardInterrupt from error


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
