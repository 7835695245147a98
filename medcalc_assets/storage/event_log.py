"""Dagster's event log in SQLite, quicker: connections are kept, and a batch of events is one transaction.

Dagster's own storage makes an engine for every event, whose last connection checkpoints the write-ahead log when it closes:
17,000 fsyncs over the whole chain, half of its time. The files are Dagster's, so that to go back is to delete the setting
from `dagster.yaml`. Only public names of the base are overridden.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import dagster as dg
import sqlalchemy as sa
from dagster._config.config_schema import UserConfigSchema
from dagster._core.event_api import EventHandlerFn
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.polling_event_watcher import SqlPollingEventWatcher
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import StaticPool

KEPT = 4
"""Files that are kept open: that of the index, and those of the runs that wrote last."""
BATCH = "DAGSTER_EVENT_BATCH_SIZE"
"""Dagster hands on events one by one unless this is set; a batch is what a step says of all its partitions."""


class Kept:
    """An open file of the log, with the transaction that is under way, if any."""

    def __init__(self, url: str, identity: tuple[int, int]) -> None:
        connect = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
        self.engine = sa.create_engine(url, poolclass=StaticPool, connect_args=connect)
        self.connection = self.engine.connect()
        self.identity = identity
        """Of the file when it was opened: another one under its name is not this."""

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()


class KeptEventLogStorage(SqliteEventLogStorage):
    """`SqliteEventLogStorage` with kept connections. One thread at a time uses them; a forked process opens its own."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        os.environ.setdefault(BATCH, "1000")
        self._start_anew()
        self._poller = SqlPollingEventWatcher(self)
        super().__init__(base_dir, inst_data)
        self.has_table("event_logs")  # a damaged file is told now, and not by the first batch, of which Dagster tells more

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {"base_dir": dg.Field(dg.StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Where Dagster's own would put it, unless `base_dir` says otherwise."""
        home = Path(os.environ.get("DAGSTER_HOME") or os.getcwd())
        return cls(config_value.get("base_dir") or str(home / "history" / "runs"), inst_data)

    def run_connection(self, run_id: str | None = None) -> Any:
        return self._within(run_id or "")

    def index_connection(self) -> Any:
        return self._within(INDEX_SHARD_NAME)

    def has_table(self, table_name: str) -> bool:
        with self.index_connection() as connection:
            return bool(sa.inspect(connection).has_table(table_name))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """All or none: what comes after an error stores them one by one. The run's file is written first, as ever."""
        if events:
            with self.index_connection(), self.run_connection(events[0].run_id):
                super().store_event_batch(events)

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        """By looking again: who watches the file does not see what a kept connection writes to its log beside it."""
        self._poller.watch_run(run_id, cursor, callback)

    def end_watch(self, run_id: str, handler: EventHandlerFn) -> None:
        self._poller.unwatch_run(run_id, handler)

    def wipe(self) -> None:
        self._close()
        super().wipe()

    def dispose(self) -> None:
        self._poller.close()
        self._close()
        super().dispose()

    def _start_anew(self) -> None:
        """In a forked process the parent's connections must neither be used nor closed: closing would end its locks."""
        self._of_parent = getattr(self, "_kept", None)
        self._process = os.getpid()
        self._one_at_a_time = threading.RLock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def _close(self) -> None:
        with self._one_at_a_time:
            while self._kept:
                self._kept.popitem()[1].close()

    @contextmanager
    def _within(self, shard: str) -> Iterator[sa.Connection]:
        """A transaction on the kept connection, or the one that is under way."""
        if os.getpid() != self._process:
            self._start_anew()
        with self._one_at_a_time:
            connection = self._opened(shard).connection
            if connection.in_transaction():
                yield connection
                return
            with connection.begin():
                yield connection

    def _opened(self, shard: str) -> Kept:
        known, path = self._kept.get(shard), Path(self.path_for_shard(shard))
        if known and (known.connection.in_transaction() or _identity(path) == known.identity):
            self._kept.move_to_end(shard)
            return known
        if known:  # the file was taken away, or is another one
            self._kept.pop(shard).close()
        with super().run_connection(shard):  # makes the tables where there are none
            pass
        idle = [name for name, kept in self._kept.items() if not kept.connection.in_transaction()]
        for name in idle[: max(0, len(self._kept) - KEPT + 1)]:
            self._kept.pop(name).close()
        self._kept[shard] = Kept(self.conn_string_for_shard(shard), _identity(path) or (0, 0))
        return self._kept[shard]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
