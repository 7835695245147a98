"""Dagster's own history, kept small: what nobody looks at any more is deleted, and what the UI shows of today stays."""

import datetime as dt
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster import DagsterRunStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from pydantic import Field

from medcalc_assets.defs.settings import Settings

FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
LAST = """
    SELECT run_id FROM event_logs WHERE id IN (
        SELECT max(id) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION' GROUP BY asset_key, partition)
    UNION SELECT run_id FROM asset_check_executions WHERE id IN (
        SELECT max(id) FROM asset_check_executions
        WHERE execution_status IN ('SUCCEEDED', 'FAILED') GROUP BY asset_key, check_name, partition)
"""
"""The runs by which an asset, a partition or a check is what it is: Dagster forgets that with the run."""


class Retention(dg.Config):
    """How long Dagster remembers a run."""

    days: int = Field(default=30, ge=0, description="A finished run is deleted when it is older than so many days.")


@dg.op
def tidy(context: dg.OpExecutionContext, config: Retention) -> None:
    """Delete finished runs that are older, with their files, but those that hold the last materialization of any partition
    or the last result of any check; then give the space back."""
    instance, events = context.instance, context.instance.event_log_storage
    if not isinstance(events, SqlEventLogStorage):
        raise dg.Failure("Dagster's event log is in no SQL database: nothing is known of it, and nothing was deleted")
    with events.index_connection() as connection:
        needed = set(connection.scalars(sa.text(LAST)))
    older = dg.RunsFilter(statuses=FINISHED, created_before=dt.datetime.now(dt.UTC) - dt.timedelta(days=config.days))
    deleted = [run.run_id for run in instance.get_runs(older) if run.run_id not in needed]
    history = Path(instance.root_directory) / "history"  # in PostgreSQL it has no files, and is vacuumed without us
    for run_id in deleted:
        instance.delete_run(run_id)
        for file in (history / "runs").glob(f"{run_id}.db*"):
            file.unlink()
        shutil.rmtree(Path(instance.storage_directory()) / run_id, ignore_errors=True)
    for file in filter(Path.exists, (history / "runs.db", history / "runs" / "index.db")):
        with closing(sqlite3.connect(file, timeout=60)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    context.log.info("deleted %s runs", len(deleted))


@dg.op
def compact(settings: Settings) -> None:
    """Merge the small files of a lake, and delete those that nothing has any more; the one file needs none of it."""
    settings.warehouse.compact()


@dg.job(description="Delete what Dagster remembers of old runs, and merge a lake's files; no row or answer is touched.")
def housekeeping() -> None:
    tidy()
    compact()


housekeeping_schedule = dg.ScheduleDefinition(
    job=housekeeping,
    cron_schedule="30 3 * * *",
    description="Every night: what Dagster remembers of runs older than 30 days is deleted.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
